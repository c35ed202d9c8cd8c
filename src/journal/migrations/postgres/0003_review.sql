-- What reviewers say about cards, and who looked up whom; the same rows as in SQLite.

-- `place`: 0 for the card that leads its answer, so that an answer counts once. `gaps`: what was not known and
-- why, `need:why` separated by a space; it names no patient.
ALTER TABLE card ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
ALTER TABLE card ADD COLUMN gaps TEXT NOT NULL DEFAULT '';

-- The newest row of a card counts, the older ones are its history. `key` is given with the form, so that one that
-- is sent twice counts once. A note may speak of the patient; it is kept only where comments are.
CREATE TABLE verdict (
    id    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key   TEXT   NOT NULL UNIQUE,
    at_us BIGINT NOT NULL,
    card  TEXT   NOT NULL REFERENCES card (uuid) ON DELETE CASCADE,
    who   TEXT   NOT NULL,
    says  TEXT   NOT NULL CHECK (says IN ('right', 'wrong', 'not-useful')),
    note  TEXT
);
CREATE INDEX verdict_card ON verdict (card, id);

CREATE FUNCTION verdict_is_not_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'verdicts are never changed';
END
$$;
CREATE TRIGGER verdict_is_not_changed BEFORE UPDATE ON verdict
    FOR EACH ROW EXECUTE FUNCTION verdict_is_not_changed();
CREATE TRIGGER verdict_is_not_emptied BEFORE TRUNCATE ON verdict
    FOR EACH STATEMENT EXECUTE FUNCTION verdict_is_not_changed();

CREATE FUNCTION verdict_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT issued_at_us FROM card WHERE uuid = OLD.card) >= (SELECT before_us FROM audit_floor WHERE id = 1) THEN
        RAISE EXCEPTION 'verdicts are kept until the retention of their card has passed';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER verdict_is_kept BEFORE DELETE ON verdict
    FOR EACH ROW EXECUTE FUNCTION verdict_is_kept();

CREATE FUNCTION card_with_verdict_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.issued_at_us >= (SELECT before_us FROM audit_floor WHERE id = 1)
        AND EXISTS (SELECT 1 FROM verdict WHERE card = OLD.uuid) THEN
        RAISE EXCEPTION 'verdicts are kept until the retention of their card has passed';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER card_with_verdict_is_kept BEFORE DELETE ON card
    FOR EACH ROW EXECUTE FUNCTION card_with_verdict_is_kept();

-- Who looked up the patient of a card, and when; the patient stands in `audit` alone.
CREATE TABLE audit_view (
    id    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key   TEXT   NOT NULL UNIQUE,
    at_us BIGINT NOT NULL,
    who   TEXT   NOT NULL,
    card  TEXT   NOT NULL
);
CREATE INDEX audit_view_at ON audit_view (at_us);
CREATE TRIGGER audit_view_is_not_changed BEFORE UPDATE ON audit_view
    FOR EACH ROW EXECUTE FUNCTION audit_is_not_changed();
CREATE TRIGGER audit_view_is_not_emptied BEFORE TRUNCATE ON audit_view
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_not_changed();
CREATE TRIGGER audit_view_is_kept BEFORE DELETE ON audit_view
    FOR EACH ROW EXECUTE FUNCTION audit_is_kept();

-- The oldest program that these tables still suit, told by the newest change that it must know. A change that
-- only adds leaves it alone, so that a replica of the version before works on beside the new one and may start again.
CREATE TABLE program_floor (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    knows BIGINT  NOT NULL
);
INSERT INTO program_floor (id, knows) VALUES (1, 3);
