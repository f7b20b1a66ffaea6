-- One-time links for a new password: SHA-256 of each. Gone once used, once another way sets a
-- password, once the address changes, and when their time is over.
CREATE TABLE vault.password_resets (
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    user_name  text NOT NULL,
    good_until timestamptz NOT NULL
);
CREATE INDEX password_resets_by_user ON vault.password_resets (user_name);
CREATE INDEX password_resets_by_age ON vault.password_resets (good_until);

-- A keyed hash of the e-mail address, by which its account is found; goes with the profile.
ALTER TABLE vault.profiles ADD COLUMN address_tag bytea;
CREATE INDEX profiles_by_address ON vault.profiles (address_tag);

-- The texts of comments, sealed with their authors' keys. A deleted comment leaves no row here.
CREATE TABLE vault.comments (
    id     uuid PRIMARY KEY,
    author text NOT NULL,
    key    text NOT NULL,
    box    text NOT NULL
);
CREATE INDEX comments_by_author ON vault.comments (author);

DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'portus_service') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON vault.password_resets TO portus_service;
        GRANT SELECT, INSERT, UPDATE, DELETE ON vault.comments TO portus_service;
    END IF;
END $$;
