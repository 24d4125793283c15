-- What create_projection makes for golden.later; see golden_models.sql.

-- aggregate evident."fold_golden.later"(uuid,evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", into the row of a key.
-- owner: evident_projector; grants: none

create aggregate evident."fold_golden.later"(uuid,evident.event_store) (sfunc = evident."folding_golden.later", stype = golden.later, parallel = u, start = NULL);

-- aggregate evident."refold_golden.later"(golden.later,evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", onto an existing row.
-- owner: evident_projector; grants: none

create aggregate evident."refold_golden.later"(golden.later,evident.event_store) (sfunc = evident."refolding_golden.later", stype = golden.later, parallel = u, start = NULL);

-- function evident."folding_golden.later"(golden.later,uuid,evident.event_store)
-- Made by create_projection: the row so far, its key set, and an event.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."folding_golden.later"(p_state golden.later, p_key uuid, p_event evident.event_store)
 RETURNS golden.later
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
            begin
                p_state.task_id := p_key;
                return evident."step_golden.later"(p_state, p_event);
            end;
            $function$;

-- function evident."refolding_golden.later"(golden.later,golden.later,evident.event_store)
-- Made by create_projection: as the fold step, from p_start at first.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."refolding_golden.later"(p_state golden.later, p_start golden.later, p_event evident.event_store)
 RETURNS golden.later
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
            begin
                if p_state.task_id is null then
                    p_state := p_start;
                else
                    p_state.task_id := p_start.task_id;
                end if;
                return evident."step_golden.later"(p_state, p_event);
            end;
            $function$;

-- function evident."step_golden.later"(golden.later,evident.event_store)
-- Made by create_projection: stands for the fold step.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."step_golden.later"(p_row golden.later, p_event evident.event_store)
 RETURNS golden.later
 LANGUAGE sql
 IMMUTABLE
BEGIN ATOMIC
 SELECT golden.apply_later(p_row, p_event) AS apply_later;
END;

-- view evident."events_of_golden.later"
-- Made by create_projection: the events of the projection, once for each key.
-- owner: evident_projector; grants: none

create view evident."events_of_golden.later" with (security_invoker=on) as
 SELECT k.key,
    e.*::evident.event_store AS event,
    e.id AS "position"
   FROM (evident.event_store e
     CROSS JOIN LATERAL ( SELECT e.aggregate_id) k(key))
  WHERE ((e.aggregate_id <> '00000000-0000-0000-0000-000000000000'::uuid) AND (NOT (EXISTS ( SELECT
           FROM evident.projection_skip s
          WHERE ((s.projection = 'golden.later'::text) AND (s."position" = e.id) AND (s.key = (k.key)::text))))));
