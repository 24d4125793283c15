-- evident._pause_unsafe: pause the projections whose key could have several texts.
--
-- For migrations: such a key could be registered once, and its read model may have
-- lost updates. It is left as it is, and said why; a projection of a text key can take
-- its place.
--
-- Locks: the projections', SHARE ROW EXCLUSIVE on evident.event_store for those that
-- appends keep

create or replace function evident._pause_unsafe()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_projection evident.projection;
    v_problem record;
begin
    for v_projection in
        select p.*
        from evident.projection as p
        order by p.number
    loop
        select k.reason, k.hint
        into v_problem
        from evident._key_problem(
            evident._read_model(v_projection), v_projection.key_column
        ) as k;
        continue when not found;

        perform evident._pause(
            evident._lock_projection(v_projection.name), v_problem.reason
        );
        raise warning using
            message = format(
                'projection %s is paused: %s', v_projection.name, v_problem.reason
            ),
            hint = v_problem.hint;
    end loop;
end;
$function$;

comment on function evident._pause_unsafe() is
'Pauses each projection whose key is of a type in which equal values may have several
texts, with a warning and the reason.';

revoke all on function evident._pause_unsafe() from public;
