-- The log: facts in one order, appended to, never changed. Runs once, as the owner, in schema `log`.
--
-- Everything is written by `log.append`. The service's role may execute it and read; it may change
-- nothing, and a trigger refuses UPDATE, DELETE and TRUNCATE of facts even to the owner.

CREATE TABLE log.stream (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name           text COLLATE "C" NOT NULL UNIQUE,
  version        bigint NOT NULL,               -- of its last event, -1 = empty
  first_position bigint,                        -- where its events lie: a read looks into those
  last_position  bigint                         -- segments alone
) WITH (fillfactor = 80);                       -- room for updates in place

-- One row: the sequencer's lock, a counter without gaps, and a clock that never goes back. It is
-- locked first and released by the commit, so positions become visible in their order, and a
-- reader that has seen a position has seen all before it.
CREATE TABLE log.head (
  one         boolean PRIMARY KEY DEFAULT true CHECK (one),
  position    bigint NOT NULL,
  recorded_at timestamptz NOT NULL
) WITH (fillfactor = 10);
INSERT INTO log.head VALUES (true, 0, '-infinity');

CREATE TABLE log.event (
  position       bigint PRIMARY KEY,            -- dense, from 1
  stream_id      bigint NOT NULL,
  version        bigint NOT NULL,               -- dense in its stream, from 0
  id             uuid NOT NULL,                 -- made by whoever appends
  type           text COLLATE "C" NOT NULL,
  schema_version smallint NOT NULL,
  class          smallint NOT NULL CHECK (class IN (0, 1)), -- decision, fact
  recorded_at    timestamptz NOT NULL,
  occurred_at    timestamptz NOT NULL,
  meta           json NOT NULL,                 -- json, not jsonb: the exact bytes are what is
  data           json NOT NULL                  -- hashed, and what comes back
) PARTITION BY RANGE (position);

-- The same id is the same fact. A table of its own, because a partitioned one cannot hold a unique
-- index without its partition key.
CREATE TABLE log.event_id (
  id       uuid PRIMARY KEY,
  position bigint NOT NULL
);

-- The same key is the same append.
CREATE TABLE log.dedup (
  key      text COLLATE "C" PRIMARY KEY,
  position bigint NOT NULL,                     -- of its first event
  at       timestamptz NOT NULL
);

-- How many positions a segment of the log spans: 2^22 are about 4 GB. Changed only while the log
-- is empty.
CREATE TABLE log.layout (
  one  boolean PRIMARY KEY DEFAULT true CHECK (one),
  span bigint NOT NULL CHECK (span > 0)
);
INSERT INTO log.layout VALUES (true, 4194304);

CREATE TABLE log.segment (
  no             int PRIMARY KEY,
  first_position bigint NOT NULL,
  last_position  bigint NOT NULL
);

CREATE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION 'facts are never changed: % on %.% refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log.event
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- Adds the next segment. Whoever calls holds the row of `log.head`, so there is only one.
CREATE FUNCTION log.add_segment() RETURNS bigint LANGUAGE plpgsql
SET search_path = log, pg_catalog, pg_temp AS $$
DECLARE
  n int; first bigint; last bigint; t text;
BEGIN
  SELECT coalesce(max(s.no) + 1, 0), coalesce(max(s.last_position) + 1, 1) INTO n, first
    FROM log.segment s;
  last := first + (SELECT l.span FROM log.layout l) - 1;
  t := 'event_' || lpad(n::text, greatest(5, length(n::text)), '0');
  -- Attached, not made in place: that takes a lock which neither readers nor writers feel.
  EXECUTE format('CREATE TABLE log.%I (LIKE log.event INCLUDING ALL)', t);
  EXECUTE format('CREATE UNIQUE INDEX ON log.%I (stream_id, version)', t);
  EXECUTE format('CREATE INDEX ON log.%I (position) WHERE class = 0', t);
  EXECUTE format('CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log.%I
                  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change()', t);
  EXECUTE format('ALTER TABLE log.event ATTACH PARTITION log.%I FOR VALUES FROM (%s) TO (%s)',
                 t, first, last + 1);
  INSERT INTO log.segment VALUES (n, first, last);
  RETURN last;
END $$;

-- Keeps two segments' room ahead. Called by the service, at its start and when `append` says that
-- room gets tight.
CREATE FUNCTION log.ensure_segments() RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = log, pg_catalog, pg_temp AS $$
DECLARE
  head bigint; span bigint; last bigint; made int := 0;
BEGIN
  SELECT h.position INTO head FROM log.head h WHERE h.one FOR UPDATE;
  SELECT l.span INTO span FROM log.layout l;
  SELECT coalesce(max(s.last_position), 0) INTO last FROM log.segment s;
  WHILE last - head < 2 * span LOOP
    last := log.add_segment();
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;

-- Appends commands in their order: one call is one transaction, one flush, one notification.
-- For each command: 0 appended, 1 conflict, 2 duplicate; where its first event lies; the version
-- at which its stream stands then.
--
-- The caller sees to it that no key and no id stands twice in one call.
CREATE FUNCTION log.append(
  c_stream int[], c_expected bigint[], c_count int[], c_key text[], -- a command each; -2 any, -1 none
  s_name text[],                                -- the distinct streams; c_stream is an index into it
  e_command int[], e_id uuid[], e_type text[], e_schema smallint[], e_class smallint[],
  e_occurred timestamptz[], e_meta json[], e_data json[],
  OUT status smallint[], OUT first_position bigint[], OUT version bigint[],
  OUT at timestamptz, OUT head bigint, OUT tight boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = log, pg_catalog, pg_temp
-- Plans made while the tables were empty live as long as the connection: only index look-ups.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  m int := cardinality(c_stream); n int := 0; off int := 0; k int;
  h bigint; base bigint; last bigint; span bigint;
  heads bigint[]; ids bigint[]; seen bigint[]; r record;
  sel int[] := '{}'; ver bigint[] := '{}'; six int[] := '{}';
BEGIN
  SELECT d.position, greatest(d.recorded_at, clock_timestamp()) INTO base, at
    FROM log.head d WHERE d.one FOR UPDATE;

  INSERT INTO log.stream (name, version) SELECT s.x, -1 FROM unnest(s_name) s(x)
    WHERE NOT EXISTS (SELECT FROM log.stream t WHERE t.name = s.x);
  SELECT array_agg(t.version ORDER BY s.o), array_agg(t.id ORDER BY s.o) INTO heads, ids
    FROM unnest(s_name) WITH ORDINALITY s(x, o) JOIN log.stream t ON t.name = s.x;

  SELECT array_agg(d.position ORDER BY c.o) INTO seen
    FROM unnest(c_key) WITH ORDINALITY c(x, o) LEFT JOIN log.dedup d ON d.key = c.x;
  FOR r IN SELECT e.c, min(i.position) p FROM unnest(e_command, e_id) e(c, id)
           JOIN log.event_id i ON i.id = e.id GROUP BY e.c LOOP
    seen[r.c] := least(seen[r.c], r.p);
  END LOOP;

  status := array_fill(0::smallint, ARRAY[m]);
  first_position := array_fill(NULL::bigint, ARRAY[m]);
  version := first_position;
  FOR i IN 1..m LOOP
    h := heads[c_stream[i]];
    IF seen[i] IS NOT NULL THEN
      status[i] := 2; first_position[i] := seen[i];
    ELSIF c_expected[i] <> -2 AND c_expected[i] <> h THEN
      status[i] := 1;
    ELSE
      first_position[i] := base + n + 1;
      FOR k IN 1..c_count[i] LOOP
        n := n + 1; sel[n] := off + k; ver[n] := h + k; six[n] := c_stream[i];
      END LOOP;
      h := h + c_count[i]; heads[c_stream[i]] := h;
    END IF;
    version[i] := h; off := off + c_count[i];
  END LOOP;

  head := base + n;
  SELECT l.span INTO span FROM log.layout l WHERE l.one;
  SELECT coalesce((SELECT s.last_position FROM log.segment s ORDER BY s.no DESC LIMIT 1), 0)
    INTO last;
  tight := last - head < span;
  IF n = 0 THEN
    -- The names of refused commands are not kept: streams begin with their first event.
    DELETE FROM log.stream t USING unnest(ids) x(id) WHERE t.id = x.id AND t.version = -1;
    RETURN;
  END IF;
  WHILE last < head LOOP
    last := log.add_segment();
  END LOOP;

  INSERT INTO log.event
    SELECT base + o.p, ids[o.s], o.v, e_id[o.j], e_type[o.j], e_schema[o.j], e_class[o.j], at,
           e_occurred[o.j], e_meta[o.j], e_data[o.j]
      FROM unnest(sel, ver, six) WITH ORDINALITY o(j, v, s, p);
  INSERT INTO log.event_id
    SELECT e_id[o.j], base + o.p FROM unnest(sel) WITH ORDINALITY o(j, p);
  UPDATE log.stream t
     SET version = heads[x.s], last_position = base + x.last,
         first_position = coalesce(t.first_position, base + x.first)
    FROM (SELECT o.s, min(o.p) AS first, max(o.p) AS last
            FROM unnest(six) WITH ORDINALITY o(s, p) GROUP BY o.s) x
   WHERE t.id = ids[x.s];
  DELETE FROM log.stream t USING unnest(ids) x(id) WHERE t.id = x.id AND t.version = -1;
  INSERT INTO log.dedup
    SELECT c.x, first_position[c.o], append.at FROM unnest(c_key) WITH ORDINALITY c(x, o)
     WHERE c.x IS NOT NULL AND status[c.o] = 0;
  UPDATE log.head SET position = append.head, recorded_at = append.at WHERE one;
  PERFORM pg_notify('log', append.head::text);
END $$;

-- How far each projection has come. Moved with a compare-and-set in the transaction that writes
-- the projection's rows.
CREATE TABLE log.projection (
  name        text NOT NULL,
  version     int NOT NULL,
  schema_name text NOT NULL,
  position    bigint NOT NULL DEFAULT 0,
  state       text NOT NULL CHECK (state IN ('building', 'live', 'retired', 'halted')),
  error       text,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name, version)
);

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA log FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA log FROM PUBLIC;
GRANT USAGE ON SCHEMA log TO portus_service;
GRANT SELECT ON log.event, log.stream, log.head, log.segment, log.layout TO portus_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON log.projection TO portus_service;
GRANT EXECUTE ON FUNCTION log.append(int[], bigint[], int[], text[], text[], int[], uuid[], text[],
  smallint[], smallint[], timestamptz[], json[], json[]) TO portus_service;
GRANT EXECUTE ON FUNCTION log.ensure_segments() TO portus_service;
