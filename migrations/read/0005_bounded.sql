-- Indexes without which a page would read what it does not show.

-- What happened to a team or a person, what was not simply done, and who signed in when: few of all.
CREATE INDEX ON read_activity.activity (team, position DESC, index DESC) WHERE team IS NOT NULL;
CREATE INDEX ON read_activity.activity (user_name, position DESC, index DESC) WHERE user_name IS NOT NULL;
CREATE INDEX ON read_activity.activity (outcome, position DESC, index DESC) WHERE outcome <> 'done';
CREATE INDEX ON read_activity.activity (actor, position DESC, index DESC) WHERE kind = 'auth.signed_in';

-- The namespaces that everybody may see, by name.
CREATE INDEX ON read_directory.namespaces (visibility, registry, name);
CREATE INDEX ON read_directory.namespaces (holder_kind, holder, registry, name);

-- Counted when they change, not when they are shown.
ALTER TABLE read_directory.teams
  ADD COLUMN members    bigint NOT NULL DEFAULT 0,
  ADD COLUMN namespaces bigint NOT NULL DEFAULT 0;
