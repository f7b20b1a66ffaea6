-- When each application token was last used, as far as facts tell.
CREATE TABLE read_activity.token_uses (
  token        uuid NOT NULL PRIMARY KEY,
  used_at      timestamptz NOT NULL,        -- by the clock of whoever saw it
  seal_key     text,                        -- client address and user agent, sealed in the vault's keys
  seal_box     text,
  event_id     uuid NOT NULL,               -- the fact that tells of it
  jti          text                         -- of the decision inside it; this, or else the fact, is the box's associated data
);
