-- Walks of the list of repositories touch their index alone, and the table for what they show: the
-- indexes hold what rights and filters ask for.
DO $$
DECLARE old regclass;
BEGIN
  FOR old IN
    SELECT i.indexrelid::regclass FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = 'read_content.repositories'::regclass AND a.attname = 'visibility'
  LOOP
    EXECUTE 'DROP INDEX ' || old;
  END LOOP;
END $$;

CREATE INDEX ON read_content.repositories (visibility, name, id)
  INCLUDE (registry, namespace, last_push_at) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, (coalesce(last_push_at, '-infinity'::timestamptz)), id)
  INCLUDE (registry, namespace, name, last_push_at) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, (coalesce(last_pull_at, '-infinity'::timestamptz)), id)
  INCLUDE (registry, namespace, name, last_push_at, last_pull_at) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, pulls, id)
  INCLUDE (registry, namespace, name, last_push_at) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, stars, id)
  INCLUDE (registry, namespace, name, last_push_at) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, tags, id)
  INCLUDE (registry, namespace, name, last_push_at) WHERE id IS NOT NULL;
CREATE INDEX ON read_content.repositories (visibility, size, id)
  INCLUDE (registry, namespace, name, last_push_at) WHERE id IS NOT NULL;

-- A tag by its number.
CREATE INDEX ON read_content.tags (id);
