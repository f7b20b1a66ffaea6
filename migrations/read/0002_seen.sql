-- When we ourselves last saw a manifest in the registry that nobody had told us of.
ALTER TABLE read_content.manifests ADD COLUMN seen_at timestamptz;
