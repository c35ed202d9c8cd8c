-- What reviewers say about cards, and who looked up whom.

-- `place`: 0 for the card that leads its answer, so that an answer counts once. `gaps`: what was not known and
-- why, `need:why` separated by a space; it names no patient.
ALTER TABLE card ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE card ADD COLUMN gaps TEXT NOT NULL DEFAULT '';

-- The newest row of a card counts, the older ones are its history. `key` is given with the form, so that one that
-- is sent twice counts once. A note may speak of the patient; it is kept only where comments are.
CREATE TABLE verdict (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    key   TEXT    NOT NULL UNIQUE,
    at_us INTEGER NOT NULL,
    card  TEXT    NOT NULL REFERENCES card (uuid) ON DELETE CASCADE,
    who   TEXT    NOT NULL,
    says  TEXT    NOT NULL CHECK (says IN ('right', 'wrong', 'not-useful')),
    note  TEXT
) STRICT;
CREATE INDEX verdict_card ON verdict (card, id);

CREATE TRIGGER verdict_is_not_changed BEFORE UPDATE ON verdict
BEGIN
    SELECT RAISE(ABORT, 'verdicts are never changed');
END;

CREATE TRIGGER verdict_is_not_replaced BEFORE INSERT ON verdict
WHEN EXISTS (SELECT 1 FROM verdict WHERE id = NEW.id OR key = NEW.key)
BEGIN
    SELECT RAISE(IGNORE);
END;

CREATE TRIGGER verdict_is_kept BEFORE DELETE ON verdict
WHEN (SELECT issued_at_us FROM card WHERE uuid = OLD.card) >= (SELECT before_us FROM audit_floor WHERE id = 1)
BEGIN
    SELECT RAISE(ABORT, 'verdicts are kept until the retention of their card has passed');
END;

CREATE TRIGGER card_with_verdict_is_kept BEFORE DELETE ON card
WHEN OLD.issued_at_us >= (SELECT before_us FROM audit_floor WHERE id = 1)
    AND EXISTS (SELECT 1 FROM verdict WHERE card = OLD.uuid)
BEGIN
    SELECT RAISE(ABORT, 'verdicts are kept until the retention of their card has passed');
END;

-- Who looked up the patient of a card, and when; the patient stands in `audit` alone.
CREATE TABLE audit_view (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    key   TEXT    NOT NULL UNIQUE,
    at_us INTEGER NOT NULL,
    who   TEXT    NOT NULL,
    card  TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_view_at ON audit_view (at_us);

CREATE TRIGGER audit_view_is_not_changed BEFORE UPDATE ON audit_view
BEGIN
    SELECT RAISE(ABORT, 'audit entries are never changed');
END;

CREATE TRIGGER audit_view_is_not_replaced BEFORE INSERT ON audit_view
WHEN EXISTS (SELECT 1 FROM audit_view WHERE id = NEW.id OR key = NEW.key)
BEGIN
    SELECT RAISE(IGNORE);
END;

CREATE TRIGGER audit_view_is_kept BEFORE DELETE ON audit_view
WHEN OLD.at_us >= (SELECT before_us FROM audit_floor WHERE id = 1)
BEGIN
    SELECT RAISE(ABORT, 'audit entries are kept until their retention has passed');
END;

-- The oldest program that these tables still suit, told by the newest change that it must know. A change that
-- only adds leaves it alone, so that a replica of the version before works on beside the new one and may start again.
CREATE TABLE program_floor (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    knows INTEGER NOT NULL
) STRICT;
INSERT INTO program_floor (id, knows) VALUES (1, 3);
