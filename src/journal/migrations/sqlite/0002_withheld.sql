-- Cards of rules that a site evaluates in silence: 1 if the card was not sent. No feedback can come for it.
ALTER TABLE card ADD COLUMN withheld INTEGER NOT NULL DEFAULT 0;
