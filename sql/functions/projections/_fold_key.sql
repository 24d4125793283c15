-- evident._fold_key: fold what waits for one parked key.
--
-- All of it at once; when that fails, event by event up to the one that fails,
-- behind which the key is parked again. Gives how many events were folded.
--
-- Where appends keep the read model they refuse the key's events while it is parked
-- (_make_hold), so all of its events are there to be read. Those with an older snapshot
-- are told by the projection's row, see _sql_refuse_old_snapshot; it comes last, for
-- they may have it for long.

create or replace function evident._fold_key(
    p_projection evident.projection,
    p_key text,
    p_after bigint
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_is_live constant boolean := p_projection.mode = 'sync'
        and p_projection.state = 'running';
    v_until constant bigint := case
        when v_is_live then 9223372036854775807 else p_projection.position
    end;
    v_positions bigint[];
    v_position bigint;
    v_folded bigint := 0;
    v_message text;
begin
    v_positions := array(
        select a.answer::bigint
        from evident._ask_projector(
            format(
                'select to_jsonb(v.position) from %s as v'
                ' where v.key = %L::%s and v.position > %s and v.position <= %s'
                ' order by v.position',
                evident._name_of_object(p_projection, 'events_of_%s'),
                p_key, p_projection.key_type, p_after, v_until
            )
        ) as a (answer)
    );

    begin
        perform evident._fold_slice(p_projection, p_after, v_until, p_key);
        v_folded := cardinality(v_positions);
    exception when others then
        get stacked diagnostics v_message = message_text;
        perform evident._require_event_error(p_projection, sqlstate, v_message);

        foreach v_position in array v_positions loop
            begin
                perform evident._fold_slice(
                    p_projection, v_position - 1, v_position, p_key
                );
                v_folded := v_folded + 1;
            exception when others then
                get stacked diagnostics v_message = message_text;
                perform evident._note_failure(
                    p_projection, p_key, v_position, sqlstate, v_message
                );
                exit;
            end;
        end loop;
    end;

    if v_folded = cardinality(v_positions) then
        delete from evident.projection_failure as f
        where f.projection = p_projection.name and f.key = p_key;
    end if;
    if v_is_live then
        update evident.projection as p
        set position = p.position
        where p.name = p_projection.name;
    end if;
    return v_folded;
end;
$function$;

comment on function evident._fold_key(evident.projection, text, bigint) is
'Folds the events of a parked key above p_after, up to the checkpoint or all where
appends keep the read model; gives how many.';

revoke all on function evident._fold_key(evident.projection, text, bigint)
from public;
