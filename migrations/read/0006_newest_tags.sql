-- A repository's tags, the ones that moved last first.
CREATE INDEX ON read_content.tags (registry, repository, changed_at DESC, name DESC) WHERE live;
