-- The last fact that each projection has read, by which another log is told from this one. Until
-- now there was none but that of this database.
ALTER TABLE log.projection ADD COLUMN last_position bigint, ADD COLUMN last_event uuid;
UPDATE log.projection AS projection SET (last_position, last_event) =
  (SELECT event.position, event.id FROM log.event AS event
    WHERE event.position <= projection.position ORDER BY event.position DESC LIMIT 1)
  WHERE projection.position > 0;
