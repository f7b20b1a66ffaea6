-- What a repository takes when what its manifests share counts once.
ALTER TABLE read_content.repositories
  ADD COLUMN unique_size bigint NOT NULL DEFAULT 0;  -- in bytes

-- Manifests that live, and their configurations and layers. A size belongs to the key: content never changes
-- under its digest, but a manifest may tell anything of it.
CREATE TABLE read_content.blobs (
  registry   text COLLATE "C" NOT NULL,
  repository text COLLATE "C" NOT NULL,
  digest     text COLLATE "C" NOT NULL,
  size       bigint NOT NULL,
  holders    bigint NOT NULL,               -- live manifests that reference it or are it, at least one
  PRIMARY KEY (registry, repository, digest, size)
);
