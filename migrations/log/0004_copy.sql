-- A row: a copy into this log was begun and is not finished. Until it is, no service opens the log.
-- Only the owner writes here, see `portus log copy`.
CREATE TABLE log.copy (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  began_at timestamptz NOT NULL DEFAULT now()
);
REVOKE ALL ON log.copy FROM PUBLIC;
GRANT SELECT ON log.copy TO portus_service;
