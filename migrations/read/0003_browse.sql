-- What lists are ordered, filtered and summed by, kept beside what it is about: a page of a list
-- then reads what it shows, however much there is.

-- Repositories over which it decides.
ALTER TABLE read_content.content_namespaces ADD COLUMN repositories bigint NOT NULL DEFAULT 0;

ALTER TABLE read_content.repositories
  ADD COLUMN visibility text COLLATE "C" NOT NULL DEFAULT 'none', -- of its namespace, or none
  ADD COLUMN tags       bigint NOT NULL DEFAULT 0,                -- live ones
  ADD COLUMN size       bigint NOT NULL DEFAULT 0,                -- of all live manifests, in bytes
  ADD COLUMN stars      bigint NOT NULL DEFAULT 0,
  ADD COLUMN pull_day   int,                                      -- day of the latest pull, since 1970 in UTC
  ADD COLUMN pull_days  bigint[] NOT NULL DEFAULT '{}';           -- pulls on that day, the day before, ...

-- Who starred what, as the directory has it: counted here in the order of the log.
CREATE TABLE read_content.content_stars (
  user_name  text COLLATE "C" NOT NULL,
  registry   text COLLATE "C" NOT NULL,
  repository text COLLATE "C" NOT NULL,
  PRIMARY KEY (user_name, registry, repository)
);

-- One for each order of `projections::repositories::Sort`. The visibility comes first, so that what
-- everybody may see is walked in order without meeting anything else.
CREATE INDEX ON read_content.repositories (visibility, name, id) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, (coalesce(last_push_at, '-infinity'::timestamptz)), id) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, (coalesce(last_pull_at, '-infinity'::timestamptz)), id) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, pulls, id) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, stars, id) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, tags, id) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, size, id) WHERE id IS NOT NULL;
