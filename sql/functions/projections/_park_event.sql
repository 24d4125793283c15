-- evident._park_event: fold one event key by key, and park the keys that fail.
--
-- A parked key keeps its row as it is before the event; its later events wait. When
-- the function that tells the keys fails, nobody knows which keys would have to wait,
-- so everything does: the failure is noted with the key '' and false comes back.

create or replace function evident._park_event(
    p_projection evident.projection,
    p_position bigint
)
returns boolean
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_keys text[];
    v_key text := '';
    v_message text;
begin
    begin
        select coalesce(array_agg(k.key order by k.key collate "C"), '{}')
        into v_keys
        from (
            select a.answer ->> 0 as key
            from evident._ask_projector(
                format(
                    'select jsonb_build_array(v.key::text)'
                    ' from %s as v where v.position = %s',
                    evident._name_of_object(p_projection, 'events_of_%s'),
                    p_position
                )
            ) as a (answer)
        ) as k
        where not exists (
            select
            from evident.projection_failure as f
            where f.projection = p_projection.name and f.key = k.key
        );
    exception when others then
        get stacked diagnostics v_message = message_text;
        perform evident._note_failure(
            p_projection, '', p_position, sqlstate, v_message
        );
        return false;
    end;

    foreach v_key in array v_keys loop
        begin
            perform evident._fold_slice(
                p_projection, p_position - 1, p_position, v_key
            );
        exception when others then
            get stacked diagnostics v_message = message_text;
            perform evident._note_failure(
                p_projection, v_key, p_position, sqlstate, v_message
            );
        end;
    end loop;
    return true;
end;
$function$;

comment on function evident._park_event(evident.projection, bigint) is
'Folds one event key by key and parks the keys that fail; false when its keys cannot
be told.';

revoke all on function evident._park_event(evident.projection, bigint) from public;
