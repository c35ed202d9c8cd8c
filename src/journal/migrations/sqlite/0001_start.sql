-- The first form of the journal. Instants are microseconds since 1970 in UTC (`_us`), except the
-- expiry of tokens, which is seconds (`_s`). Only `audit` and a comment in `feedback` may tell who
-- a patient is.

-- Tokens that were used; the key is what makes a second use fail.
CREATE TABLE spent_token (
    issuer    TEXT    NOT NULL,
    jti       TEXT    NOT NULL,
    expires_s INTEGER NOT NULL,
    PRIMARY KEY (issuer, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_token_expiry ON spent_token (expires_s);

-- One row for each hook call that was answered.
CREATE TABLE evaluation (
    id              INTEGER PRIMARY KEY,
    at_us           INTEGER NOT NULL,
    client          TEXT    NOT NULL,
    service         TEXT    NOT NULL,
    hook            TEXT    NOT NULL,
    hook_instance   TEXT    NOT NULL,
    content_version TEXT    NOT NULL,
    outcome         TEXT    NOT NULL,
    duration_us     INTEGER NOT NULL,
    cards           INTEGER NOT NULL
) STRICT;
CREATE INDEX evaluation_at ON evaluation (at_us);

-- Cards that were issued, so that feedback finds the rule and the content version that fired.
-- `suggestions` are theirs, in the order shown, separated by a space.
CREATE TABLE card (
    uuid            TEXT    PRIMARY KEY,
    issued_at_us    INTEGER NOT NULL,
    client          TEXT    NOT NULL,
    service         TEXT    NOT NULL,
    topic           TEXT    NOT NULL,
    rule            TEXT    NOT NULL,
    indicator       TEXT    NOT NULL,
    content_version TEXT    NOT NULL,
    suggestions     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX card_issued_at ON card (issued_at_us);

-- What clinicians did with a card. `suggestions` are the accepted ones, sorted, separated by a
-- space: part of what makes an entry the same entry.
CREATE TABLE feedback (
    id             INTEGER PRIMARY KEY,
    received_at_us INTEGER NOT NULL,
    card           TEXT    NOT NULL REFERENCES card (uuid) ON DELETE CASCADE,
    outcome        TEXT    NOT NULL CHECK (outcome IN ('accepted', 'overridden')),
    at_us          INTEGER NOT NULL,
    suggestions    TEXT    NOT NULL,
    reason_system  TEXT,
    reason_code    TEXT,
    reason_display TEXT,
    had_comment    INTEGER NOT NULL,
    comment        TEXT,
    UNIQUE (card, outcome, at_us, suggestions)
) STRICT;

-- Who asked what about whom, and what was answered. Rows are only ever added; those that are older
-- than the retention go, and only after `audit_floor` says so.
CREATE TABLE audit (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us           INTEGER NOT NULL,
    client          TEXT    NOT NULL,
    user            TEXT,
    patient         TEXT    NOT NULL,
    service         TEXT    NOT NULL,
    hook            TEXT    NOT NULL,
    hook_instance   TEXT    NOT NULL,
    content_version TEXT    NOT NULL,
    outcome         TEXT    NOT NULL,
    answered        TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at_us);

CREATE TABLE audit_floor (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    before_us INTEGER NOT NULL
) STRICT;
INSERT INTO audit_floor (id, before_us) VALUES (1, -9223372036854775808);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit entries are never changed');
END;

CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit entries are never changed');
END;

CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN OLD.at_us >= (SELECT before_us FROM audit_floor WHERE id = 1)
BEGIN
    SELECT RAISE(ABORT, 'audit entries are kept until their retention has passed');
END;
