-- evident._pause: leave a read model as it is, and note why.
--
-- A synchronous one stops being kept by appends: the lock waits until none is under
-- way, so its rows are complete up to the newest id drawn, where it will go on.
--
-- The caller holds the projection's lock (_lock_projection).
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store for a synchronous projection

create or replace function evident._pause(
    p_projection evident.projection,
    p_reason text
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_position bigint := p_projection.position;
begin
    if p_projection.mode = 'sync' and p_projection.state = 'running' then
        perform evident._switch_triggers(p_projection, false);
        v_position := coalesce(
            pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
        );
    end if;

    update evident.projection as p
    set
        state = 'paused',
        position = v_position,
        reason = p_reason
    where p.name = p_projection.name;
end;
$function$;

comment on function evident._pause(evident.projection, text) is
'Stops folding into a read model; p_reason is shown in projection_status.';

revoke all on function evident._pause(evident.projection, text) from public;
