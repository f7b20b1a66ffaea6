-- Web sessions. The browser holds 256 random bits; here is their SHA-256 only, so that a copy of
-- this table opens no door.
CREATE TABLE vault.sessions (
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    user_name  text NOT NULL,
    -- Position of the sign-in in the log: sessions from before a password change are over.
    since      bigint NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL
);
CREATE INDEX sessions_by_user ON vault.sessions (user_name, created_at);
CREATE INDEX sessions_by_age ON vault.sessions (seen_at);

DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'portus_service') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON vault.sessions TO portus_service;
    END IF;
END $$;
