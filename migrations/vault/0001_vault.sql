-- Secrets, and personal data that must be forgettable. Backed up by its own rules: whoever erases a
-- row here has erased it, because facts hold only what is sealed with these keys. Every key and every
-- sealed box needs the master key, which is a file outside the database.

-- Shows whether the master key at hand is the one of this database.
CREATE TABLE vault.master_check (
    id     smallint PRIMARY KEY CHECK (id = 1),
    sealed bytea NOT NULL
);

-- One living key a subject: `user-<name>`, or `day-<yyyy-mm-dd>` for anonymous callers. An erased
-- key leaves its row, so that its generation is never given to another key.
CREATE TABLE vault.subject_keys (
    subject    text NOT NULL,
    generation integer NOT NULL CHECK (generation > 0),
    wrapped    bytea,
    erased_at  timestamptz,
    PRIMARY KEY (subject, generation),
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);
CREATE UNIQUE INDEX one_living_key ON vault.subject_keys (subject) WHERE erased_at IS NULL;

-- Argon2id in PHC form.
CREATE TABLE vault.passwords (
    user_name text PRIMARY KEY,
    phc       text NOT NULL
);

-- SHA-256 of each application token's secret, by which the token is found.
CREATE TABLE vault.app_tokens (
    hash  bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    id    uuid NOT NULL UNIQUE,
    owner text NOT NULL
);
CREATE INDEX app_tokens_by_owner ON vault.app_tokens (owner);

-- E-mail and display name as one JSON object, sealed with the user's own key.
CREATE TABLE vault.profiles (
    user_name text PRIMARY KEY,
    key       text NOT NULL,
    box       text NOT NULL
);

-- The secrets that registries show with their notifications: the newest, and for a while the one
-- before it. Sealed as well as hashed, because a registry's configuration is written with it.
CREATE TABLE vault.registry_secrets (
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    registry   text NOT NULL,
    sealed     bytea NOT NULL,
    good_until timestamptz
);
CREATE UNIQUE INDEX one_newest_secret ON vault.registry_secrets (registry) WHERE good_until IS NULL;
