-- What makes a card the same card again, as a keyed digest: it says nothing without the key, which never leaves
-- this file. NULL where there is nothing to recognise. So that what was overridden lately is found at once,
-- feedback is ordered by its instant.
ALTER TABLE card ADD COLUMN digest TEXT;
CREATE INDEX feedback_at ON feedback (at_us);
CREATE TABLE digest_key (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    key TEXT    NOT NULL
) STRICT;
INSERT INTO digest_key (id, key) VALUES (1, hex(randomblob(32)));
