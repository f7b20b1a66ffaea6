-- Which comments there are; what they say is in the vault.
CREATE TABLE read_directory.comments (
  comment    uuid PRIMARY KEY,
  id         bigint NOT NULL,
  registry   text COLLATE "C" NOT NULL,
  repository text COLLATE "C" NOT NULL,
  author     text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL
);
CREATE INDEX ON read_directory.comments (registry, repository, id);
CREATE INDEX ON read_directory.comments (author);

-- When which tag pointed to a manifest.
CREATE INDEX ON read_content.tag_history (registry, repository, digest);
