-- Answers to requests that do their work once (`Idempotency-Key`), for a day. The tag is a keyed
-- hash of whoever asks and their key, the print one of what they ask; without an answer the request
-- is still at work, until its lease is over.
CREATE TABLE vault.answers (
    tag          bytea PRIMARY KEY CHECK (octet_length(tag) = 32),
    print        bytea NOT NULL CHECK (octet_length(print) = 32),
    seed         bytea NOT NULL,
    begun_at     timestamptz NOT NULL,
    leased_until timestamptz NOT NULL,
    sealed       bytea
);
CREATE INDEX answers_by_age ON vault.answers (begun_at);

DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'portus_service') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON vault.answers TO portus_service;
    END IF;
END $$;
