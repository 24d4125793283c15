-- evident._fold_and_park: fold a slice, also when some of its events fail.
--
-- All of it at once, mostly. When that fails, halves the stretch until it folds or is
-- a single event, which is then folded key by key; doubles it again with each success.
-- So a failing event costs a few attempts, however long the slice is, and all
-- others are folded.
--
-- Gives the position reached: p_until, unless an event's keys cannot be told.

create or replace function evident._fold_and_park(
    p_projection evident.projection,
    p_after bigint,
    p_until bigint
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_after bigint := p_after;
    v_step bigint := p_until - p_after;
    v_message text;
begin
    -- Ends: each turn folds some of the slice, parks one event, or halves the step.
    while v_after < p_until loop
        begin
            perform evident._fold_slice(
                p_projection, v_after, least(v_after + v_step, p_until)
            );
            v_after := least(v_after + v_step, p_until);
            v_step := v_step * 2;
        exception when others then
            get stacked diagnostics v_message = message_text;
            perform evident._require_event_error(p_projection, sqlstate, v_message);
            if v_step = 1 then
                exit when not evident._park_event(p_projection, v_after + 1);
                v_after := v_after + 1;
            else
                v_step := v_step / 2;
            end if;
        end;
    end loop;
    return v_after;
end;
$function$;

comment on function evident._fold_and_park(evident.projection, bigint, bigint) is
'Folds a slice of the log and parks the keys of events that fail; gives the position
reached.';

revoke all on function evident._fold_and_park(evident.projection, bigint, bigint)
from public;
