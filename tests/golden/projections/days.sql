-- What create_projection makes for golden.days; see golden_models.sql.

-- aggregate evident."fold_golden.days"(date,evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", into the row of a key.
-- owner: evident_projector; grants: none

create aggregate evident."fold_golden.days"(date,evident.event_store) (sfunc = evident."folding_golden.days", stype = golden.days, parallel = u, start = NULL);

-- aggregate evident."refold_golden.days"(golden.days,evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", onto an existing row.
-- owner: evident_projector; grants: none

create aggregate evident."refold_golden.days"(golden.days,evident.event_store) (sfunc = evident."refolding_golden.days", stype = golden.days, parallel = u, start = NULL);

-- function evident."folding_golden.days"(golden.days,date,evident.event_store)
-- Made by create_projection: the row so far, its key set, and an event.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."folding_golden.days"(p_state golden.days, p_key date, p_event evident.event_store)
 RETURNS golden.days
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
            begin
                p_state.day := p_key;
                return evident."step_golden.days"(p_state, p_event);
            end;
            $function$;

-- function evident."keys_golden.days"(evident.event_store)
-- Made by create_projection: stands for the function that tells keys.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."keys_golden.days"(p_event evident.event_store)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
BEGIN ATOMIC
 SELECT golden.day_of(p_event) AS day_of;
END;

-- function evident."refolding_golden.days"(golden.days,golden.days,evident.event_store)
-- Made by create_projection: as the fold step, from p_start at first.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."refolding_golden.days"(p_state golden.days, p_start golden.days, p_event evident.event_store)
 RETURNS golden.days
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
            begin
                if p_state.day is null then
                    p_state := p_start;
                else
                    p_state.day := p_start.day;
                end if;
                return evident."step_golden.days"(p_state, p_event);
            end;
            $function$;

-- function evident."step_golden.days"(golden.days,evident.event_store)
-- Made by create_projection: stands for the fold step.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."step_golden.days"(p_row golden.days, p_event evident.event_store)
 RETURNS golden.days
 LANGUAGE sql
 IMMUTABLE
BEGIN ATOMIC
 SELECT golden.apply_days(p_row, p_event) AS apply_days;
END;

-- view evident."events_of_golden.days"
-- Made by create_projection: the events of the projection, once for each key.
-- owner: evident_projector; grants: none

create view evident."events_of_golden.days" with (security_invoker=on) as
 SELECT k.key,
    e.*::evident.event_store AS event,
    e.id AS "position"
   FROM ((evident.event_store e
     CROSS JOIN LATERAL ( SELECT e.*::evident.event_store AS event
          WHERE (NOT (EXISTS ( SELECT
                   FROM evident.projection_skip s
                  WHERE ((s.projection = 'golden.days'::text) AND (s."position" = e.id) AND (s.key = ''::text)))))
         OFFSET 0) l)
     CROSS JOIN LATERAL ( SELECT DISTINCT (
                CASE
                    WHEN ((r.key COLLATE "C") ~* 'now|today|tomorrow|yesterday'::text) THEN evident._refuse_key(r.key, 'no fixed day'::text)
                    ELSE r.key
                END)::date AS key
           FROM evident."keys_golden.days"(l.event) r(key)
          WHERE (r.key <> ''::text)) k(key))
  WHERE ((e.event_type = ANY ('{Sold}'::text[])) AND (NOT (EXISTS ( SELECT
           FROM evident.projection_skip s
          WHERE ((s.projection = 'golden.days'::text) AND (s."position" = e.id) AND (s.key = (k.key)::text))))));
