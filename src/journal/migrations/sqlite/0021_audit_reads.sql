-- What was read from the client's FHIR server for a call: types of resource and how it went, as JSON. And no more
-- words of a foreign system for the reason of an override: they are free text, which may tell who a patient is.
ALTER TABLE audit ADD COLUMN reads TEXT NOT NULL DEFAULT '[]';
UPDATE feedback SET reason_display = NULL;
