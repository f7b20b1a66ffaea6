-- Read models: everything here is folded from the log, may be dropped, and is then folded again.
--
-- One schema a projection, so that a rebuild can fill a copy beside it and swap by renaming. The
-- queries name tables without a schema; `search_path` says which generation they mean. No column
-- holds anything that is not in the log (no now(), no serial), so the same log gives the same rows.
-- `id` is the position of the fact that made the thing: the same after every rebuild. How far each
-- projection has come stands in `log.projection`; which code folded a schema, in its comment.

----------------------------------------------------------------------------------------------------
CREATE SCHEMA read_directory;

CREATE TABLE read_directory.users (
  name       text COLLATE "C" PRIMARY KEY,
  id         bigint NOT NULL UNIQUE,
  bot        boolean NOT NULL,
  enabled    boolean NOT NULL,
  admin      boolean NOT NULL,
  auditor    boolean NOT NULL,
  origin     text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

-- Administrators are decided on a stream of their own, possibly before the account is.
CREATE TABLE read_directory.administrators (
  name text COLLATE "C" PRIMARY KEY
);

CREATE TABLE read_directory.teams (
  name        text COLLATE "C" PRIMARY KEY,
  id          bigint NOT NULL UNIQUE,
  description text NOT NULL,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL
);

CREATE TABLE read_directory.team_members (
  team       text COLLATE "C" NOT NULL,
  user_name  text COLLATE "C" NOT NULL,
  id         bigint NOT NULL,
  role       text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (team, user_name)
);
CREATE INDEX ON read_directory.team_members (user_name);

CREATE TABLE read_directory.registries (
  name              text COLLATE "C" PRIMARY KEY,
  id                bigint NOT NULL UNIQUE,
  service           text NOT NULL,
  host              text NOT NULL,
  url               text NOT NULL,
  secret_rotated_at timestamptz,
  created_at        timestamptz NOT NULL,
  updated_at        timestamptz NOT NULL
);

CREATE TABLE read_directory.namespaces (
  registry    text COLLATE "C" NOT NULL,
  name        text COLLATE "C" NOT NULL,
  id          bigint NOT NULL UNIQUE,
  holder_kind text COLLATE "C" NOT NULL,    -- personal, team, global
  holder      text COLLATE "C",             -- user or team; null for global
  visibility  text COLLATE "C" NOT NULL,
  description text NOT NULL,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  PRIMARY KEY (registry, name)
);
CREATE INDEX ON read_directory.namespaces (holder_kind, holder);

CREATE TABLE read_directory.namespace_grants (
  grant_id     uuid NOT NULL,
  registry     text COLLATE "C" NOT NULL,
  namespace    text COLLATE "C" NOT NULL,
  id           bigint NOT NULL,
  grantee_kind text COLLATE "C" NOT NULL,   -- team, user
  grantee      text COLLATE "C" NOT NULL,
  role         text COLLATE "C" NOT NULL,
  repository   text COLLATE "C",
  until        timestamptz,
  PRIMARY KEY (registry, namespace, grant_id)
);

-- What people said of a repository; the registry knows nothing of it.
CREATE TABLE read_directory.repository_descriptions (
  registry    text COLLATE "C" NOT NULL,
  repository  text COLLATE "C" NOT NULL,
  description text NOT NULL,
  updated_at  timestamptz NOT NULL,
  PRIMARY KEY (registry, repository)
);

CREATE TABLE read_directory.app_tokens (
  token      uuid PRIMARY KEY,
  id         bigint NOT NULL UNIQUE,
  user_name  text COLLATE "C" NOT NULL,
  label      text NOT NULL,
  scopes     text[] NOT NULL,
  namespaces text[],                        -- null: wherever its owner may
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL
);
CREATE INDEX ON read_directory.app_tokens (user_name, id);

CREATE TABLE read_directory.stars (
  user_name  text COLLATE "C" NOT NULL,
  registry   text COLLATE "C" NOT NULL,
  repository text COLLATE "C" NOT NULL,
  id         bigint NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (user_name, registry, repository)
);
CREATE INDEX ON read_directory.stars (registry, repository);

----------------------------------------------------------------------------------------------------
CREATE SCHEMA read_content;

-- A copy of what decides over repositories, folded in the same order as they are.
CREATE TABLE read_content.content_namespaces (
  registry   text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  id         bigint NOT NULL,
  visibility text COLLATE "C" NOT NULL,
  PRIMARY KEY (registry, name)
);

CREATE TABLE read_content.repositories (
  registry       text COLLATE "C" NOT NULL,
  name           text COLLATE "C" NOT NULL,
  id             bigint,                    -- null: only pulls were heard of so far
  namespace      text COLLATE "C",          -- the longest that exists, or null
  created_at     timestamptz,
  pulls          bigint NOT NULL,           -- manifest GETs
  last_pull_at   timestamptz,
  last_pull_by   text,
  pushes         bigint NOT NULL,
  last_push_at   timestamptz,
  last_push_by   text,
  PRIMARY KEY (registry, name)
);
CREATE INDEX ON read_content.repositories (registry, namespace, name);
CREATE UNIQUE INDEX ON read_content.repositories (id);

-- The latest word on each tag by the registry's clock; `digest` is null once it was deleted.
CREATE TABLE read_content.tags (
  registry     text COLLATE "C" NOT NULL,
  repository   text COLLATE "C" NOT NULL,
  name         text COLLATE "C" NOT NULL,
  id           bigint NOT NULL,
  live         boolean NOT NULL,            -- false: deleted, or its manifest was
  digest       text COLLATE "C",
  changed_at   timestamptz NOT NULL,
  created_at   timestamptz NOT NULL,
  pushed_by    text,
  observed     boolean NOT NULL,            -- seen by us, not told by the registry
  pulls        bigint NOT NULL,             -- manifest GETs by this tag
  last_pull_at timestamptz,
  PRIMARY KEY (registry, repository, name)
);
CREATE INDEX ON read_content.tags (registry, repository, digest);

CREATE TABLE read_content.tag_history (
  registry   text COLLATE "C" NOT NULL,
  repository text COLLATE "C" NOT NULL,
  tag        text COLLATE "C" NOT NULL,
  position   bigint NOT NULL,
  change     text COLLATE "C" NOT NULL,     -- pushed, moved, deleted, observed, missed
  digest     text COLLATE "C",              -- where it points since; null: nowhere
  at         timestamptz NOT NULL,
  actor      text NOT NULL,
  PRIMARY KEY (registry, repository, tag, position)
);

CREATE TABLE read_content.manifests (
  registry     text COLLATE "C" NOT NULL,
  repository   text COLLATE "C" NOT NULL,
  digest       text COLLATE "C" NOT NULL,
  id           bigint,                      -- null: never pushed as far as we heard
  live         boolean NOT NULL,
  media_type   text,
  artifact_type text,                       -- media type of its configuration, or of its first layer
  kind         text COLLATE "C" NOT NULL,   -- image, index, artifact, unknown
  size         bigint,                      -- of the manifest itself, in bytes
  total_size   bigint,                      -- with everything it references directly
  platforms    text[] NOT NULL,
  first_push_at timestamptz,
  last_push_at timestamptz,
  pushed_by    text,
  deleted_at   timestamptz,
  pulls        bigint NOT NULL,
  last_pull_at timestamptz,
  last_pull_by text,
  PRIMARY KEY (registry, repository, digest)
);

CREATE TABLE read_content.manifest_references (
  registry   text COLLATE "C" NOT NULL,
  repository text COLLATE "C" NOT NULL,
  parent     text COLLATE "C" NOT NULL,
  ordinal    int NOT NULL,
  digest     text COLLATE "C" NOT NULL,
  media_type text,
  size       bigint,
  platform   text,
  PRIMARY KEY (registry, repository, parent, ordinal)
);
CREATE INDEX ON read_content.manifest_references (registry, repository, digest);

----------------------------------------------------------------------------------------------------
CREATE SCHEMA read_activity;

CREATE TABLE read_activity.activity_namespaces (
  registry   text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  id         bigint NOT NULL,
  PRIMARY KEY (registry, name)
);

CREATE TABLE read_activity.activity (
  position     bigint NOT NULL,
  index        int NOT NULL,                -- 0, or the number of the decision inside its fact
  event_id     uuid NOT NULL,
  recorded_at  timestamptz NOT NULL,
  occurred_at  timestamptz NOT NULL,
  kind         text COLLATE "C" NOT NULL,   -- the fact's type name
  outcome      text COLLATE "C" NOT NULL,   -- done, reduced, refused
  actor_kind   text COLLATE "C" NOT NULL,
  actor        text COLLATE "C" NOT NULL,
  registry     text COLLATE "C",
  namespace    text COLLATE "C",
  namespace_id bigint,                      -- who may see that namespace may see this
  repository   text COLLATE "C",
  tag          text,
  digest       text,
  team         text COLLATE "C",            -- who may see that team may see this
  user_name    text COLLATE "C",            -- that person may see this
  rule         text,
  detail       json NOT NULL,               -- the rest of the fact, for people
  seal_key     text,                        -- client address and user agent, sealed in the vault's keys
  seal_box     text,
  seal_data    text,                        -- associated data of the box: event id or token id
  PRIMARY KEY (position, index)
);
CREATE INDEX ON read_activity.activity (actor, position DESC, index DESC);
CREATE INDEX ON read_activity.activity (registry, repository, position DESC, index DESC) WHERE repository IS NOT NULL;
CREATE INDEX ON read_activity.activity (namespace_id, position DESC, index DESC) WHERE namespace_id IS NOT NULL;
CREATE INDEX ON read_activity.activity (kind, position DESC, index DESC);
CREATE INDEX ON read_activity.activity (recorded_at);
