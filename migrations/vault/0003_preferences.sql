-- How somebody likes the pages to look: theme, language, time zone. Nobody decides anything by it.
CREATE TABLE vault.preferences (
    user_name text PRIMARY KEY,
    look      text NOT NULL
);

-- Where a session was begun, for its person alone to recognise it; gone with the session.
ALTER TABLE vault.sessions ADD COLUMN agent text;
ALTER TABLE vault.sessions ADD COLUMN address text;

DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'portus_service') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON vault.preferences TO portus_service;
    END IF;
END $$;
