-- The first form of the journal in PostgreSQL; the same rows as in SQLite. Instants are microseconds
-- since 1970 in UTC (`_us`), except the expiry of tokens, which is seconds (`_s`). Only `audit` and a
-- comment in `feedback` may tell who a patient is.

-- Tokens that were used; the key is what makes a second use fail, at whichever replica.
CREATE TABLE spent_token (
    issuer    TEXT   NOT NULL,
    jti       TEXT   NOT NULL,
    expires_s BIGINT NOT NULL,
    PRIMARY KEY (issuer, jti)
);
CREATE INDEX spent_token_expiry ON spent_token (expires_s);

-- One row for each hook call that was answered. `key` is given by the replica that answered, so that
-- a group that is written again, because its first commit was not heard of, counts once.
CREATE TABLE evaluation (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key             TEXT   NOT NULL UNIQUE,
    at_us           BIGINT NOT NULL,
    client          TEXT   NOT NULL,
    service         TEXT   NOT NULL,
    hook            TEXT   NOT NULL,
    hook_instance   TEXT   NOT NULL,
    content_version TEXT   NOT NULL,
    outcome         TEXT   NOT NULL,
    duration_us     BIGINT NOT NULL,
    cards           BIGINT NOT NULL
);
CREATE INDEX evaluation_at ON evaluation (at_us);

-- Cards that were issued, so that feedback finds the rule and the content version that fired.
-- `suggestions` are theirs, in the order shown, separated by a space. `withheld`: 1 if the card was not
-- sent, because its rule is evaluated in silence.
CREATE TABLE card (
    uuid            TEXT   PRIMARY KEY,
    issued_at_us    BIGINT NOT NULL,
    client          TEXT   NOT NULL,
    service         TEXT   NOT NULL,
    topic           TEXT   NOT NULL,
    rule            TEXT   NOT NULL,
    indicator       TEXT   NOT NULL,
    content_version TEXT   NOT NULL,
    suggestions     TEXT   NOT NULL,
    withheld        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX card_issued_at ON card (issued_at_us);

-- What clinicians did with a card. `suggestions` are the accepted ones, sorted, separated by a space:
-- part of what makes an entry the same entry. They may be many, so the key holds their digest.
CREATE TABLE feedback (
    id                 BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at_us     BIGINT  NOT NULL,
    card               TEXT    NOT NULL REFERENCES card (uuid) ON DELETE CASCADE,
    outcome            TEXT    NOT NULL CHECK (outcome IN ('accepted', 'overridden')),
    at_us              BIGINT  NOT NULL,
    suggestions        TEXT    NOT NULL,
    suggestions_digest BYTEA   NOT NULL,
    reason_system      TEXT,
    reason_code        TEXT,
    reason_display     TEXT,
    had_comment        BOOLEAN NOT NULL,
    comment            TEXT,
    UNIQUE (card, outcome, at_us, suggestions_digest)
);

-- Who asked what about whom, and what was answered. Rows are only ever added; those that are older
-- than the retention go, and only after `audit_floor` says so.
CREATE TABLE audit (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key             TEXT   NOT NULL UNIQUE,
    at_us           BIGINT NOT NULL,
    client          TEXT   NOT NULL,
    "user"          TEXT,
    patient         TEXT   NOT NULL,
    service         TEXT   NOT NULL,
    hook            TEXT   NOT NULL,
    hook_instance   TEXT   NOT NULL,
    content_version TEXT   NOT NULL,
    outcome         TEXT   NOT NULL,
    answered        TEXT   NOT NULL
);
CREATE INDEX audit_at ON audit (at_us);

CREATE TABLE audit_floor (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    before_us BIGINT  NOT NULL
);
INSERT INTO audit_floor (id, before_us) VALUES (1, -9223372036854775808);

CREATE FUNCTION audit_is_not_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are never changed';
END
$$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_not_changed();
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_not_changed();

CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at_us >= (SELECT before_us FROM audit_floor WHERE id = 1) THEN
        RAISE EXCEPTION 'audit entries are kept until their retention has passed';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_kept();
