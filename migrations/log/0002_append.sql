-- `log.append` again, for the same callers and with the same answers, at two thirds of the cost:
-- plans are made once a connection, and what a usual append does not need is not asked.

-- Appends commands in their order: one call is one transaction, one flush, one notification.
-- For each command: 0 appended, 1 conflict, 2 duplicate; where its first event lies; the version
-- at which its stream stands then.
--
-- The caller sees to it that no key and no id stands twice in one call.
CREATE OR REPLACE FUNCTION log.append(
  c_stream int[], c_expected bigint[], c_count int[], c_key text[], -- a command each; -2 any, -1 none
  s_name text[],                                -- the distinct streams; c_stream is an index into it
  e_command int[], e_id uuid[], e_type text[], e_schema smallint[], e_class smallint[],
  e_occurred timestamptz[], e_meta json[], e_data json[],
  OUT status smallint[], OUT first_position bigint[], OUT version bigint[],
  OUT at timestamptz, OUT head bigint, OUT tight boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = log, pg_catalog, pg_temp
-- One plan for all calls, made while the tables may be empty: only index look-ups.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  m int := cardinality(c_stream); n int := 0; off int := 0; k int;
  h bigint; base bigint; last bigint; span bigint; news boolean;
  heads bigint[]; ids bigint[]; seen bigint[]; r record;
  sel int[] := '{}'; ver bigint[] := '{}'; six int[] := '{}';
BEGIN
  SELECT d.position, greatest(d.recorded_at, clock_timestamp()) INTO base, at
    FROM log.head d WHERE d.one FOR UPDATE;

  SELECT array_agg(t.version ORDER BY s.o), array_agg(t.id ORDER BY s.o) INTO heads, ids
    FROM unnest(s_name) WITH ORDINALITY s(x, o) LEFT JOIN log.stream t ON t.name = s.x;
  news := array_position(ids, NULL) IS NOT NULL;
  IF news THEN
    INSERT INTO log.stream (name, version) SELECT s.x, -1 FROM unnest(s_name) s(x)
      WHERE NOT EXISTS (SELECT FROM log.stream t WHERE t.name = s.x);
    SELECT array_agg(t.version ORDER BY s.o), array_agg(t.id ORDER BY s.o) INTO heads, ids
      FROM unnest(s_name) WITH ORDINALITY s(x, o) JOIN log.stream t ON t.name = s.x;
  END IF;

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
  SELECT l.span, coalesce((SELECT s.last_position FROM log.segment s ORDER BY s.no DESC LIMIT 1), 0)
    INTO span, last FROM log.layout l WHERE l.one;
  tight := last - head < span;
  IF n > 0 THEN
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
    INSERT INTO log.dedup
      SELECT c.x, first_position[c.o], append.at FROM unnest(c_key) WITH ORDINALITY c(x, o)
       WHERE c.x IS NOT NULL AND status[c.o] = 0;
    UPDATE log.head SET position = append.head, recorded_at = append.at WHERE one;
    -- A word when decisions are among what is new: most followers sleep through the rest.
    PERFORM pg_notify('log', append.head::text || CASE WHEN 0 = ANY(e_class) THEN ' decisions' ELSE '' END);
  END IF;
  IF news THEN
    -- The names of refused commands are not kept: streams begin with their first event.
    DELETE FROM log.stream t USING unnest(ids) x(id) WHERE t.id = x.id AND t.version = -1;
  END IF;
END $$;

-- A batch of decisions is some hundred kilobytes of JSON, which lz4 packs several times as fast as
-- Postgres's own method; servers that were built without it go on as they were.
DO $$ BEGIN
  EXECUTE format('ALTER FUNCTION %s SET default_toast_compression = lz4', 'log.append'::regproc::oid::regprocedure);
EXCEPTION WHEN invalid_parameter_value OR feature_not_supported THEN NULL;
END $$;
