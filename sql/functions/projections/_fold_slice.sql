-- evident._fold_slice: fold a slice of the log into the read model, by key.
--
-- Events above p_after, up to p_until, in the order of their ids: one fold and one
-- write for all of them. With p_key only that key's events; without, those of all keys
-- that are not parked.
--
-- The caller sees to it that nobody else folds (_lock_projection).
-- Errors: those of the fold; then nothing is written.

create or replace function evident._fold_slice(
    p_projection evident.projection,
    p_after bigint,
    p_until bigint,
    p_key text default null
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_condition text := '';
begin
    if p_key is not null then
        v_condition := format('and v.key = %L::%s', p_key, p_projection.key_type);
    else
        select
            'and v.key::text <> all ('
            || quote_nullable(array_agg(f.key)) || '::text[])'
        into v_condition
        from evident.projection_failure as f
        where f.projection = p_projection.name
        having count(*) > 0;
    end if;

    perform evident._as_projector(evident._sql_write_rows(
        p_projection,
        evident._sql_fold_by_key(
            p_projection,
            format(
                'select v.key, v.event, v.position from %s as v'
                ' where v.position > %s and v.position <= %s %s',
                evident._name_of_object(p_projection, 'events_of_%s'),
                p_after, p_until, v_condition
            ),
            evident._sql_stored_row(p_projection, 'k.key')
        )
    ));
end;
$function$;

comment on function evident._fold_slice(evident.projection, bigint, bigint, text) is
'Folds events above p_after up to p_until into the read model, of one key or of all
that are not parked.';

revoke all on function
evident._fold_slice(evident.projection, bigint, bigint, text) from public;
