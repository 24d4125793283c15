-- evident.verify_projection: the rows where read model and log disagree.
--
-- One snapshot, the caller's, for the checkpoint, the rows and the events: stable
-- functions have no other (_ask_projector). So the cut is consistent while appends and
-- runs go on, and nobody waits. A parked key is compared up to its failure.
--
-- The work is in the folds, which are not compiled; so neither is the rest. One key is
-- an index scan where the key is the aggregate; for others the log is read.
--
-- Errors: PT400, PT404; those of the fold, which is strict here

create or replace function evident.verify_projection(
    p_name text,
    p_key text default null
)
returns table (key text, stored jsonb, replayed jsonb)
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set work_mem = '32MB'
set jit = off
as $function$
declare
    v_projection evident.projection := evident._require_projection(p_name);
    v_stored text := v_projection.name;
    v_only text := 'true';
    v_failures text;
begin
    perform evident._require_projector(v_projection);
    if p_key is not null then
        perform evident._canonical_key(v_projection, p_key);
        v_only := format('v.key = %L::%s', p_key, v_projection.key_type);
        v_stored := format(
            '(select m.* from %s as m where m.%I = %L::%s)',
            v_projection.name, v_projection.key_column, p_key, v_projection.key_type
        );
    end if;
    select
        format(
            $sql$
            not exists (
                select
                from unnest(%L::text[], %L::bigint[]) as f (key, position)
                where f.position <= v.position and f.key = v.key::text
            )
            $sql$,
            array_agg(f.key), array_agg(f.position)
        )
    into v_failures
    from evident.projection_failure as f
    where f.projection = p_name
    having count(*) > 0;

    return query
    select
        a.answer ->> 0,
        nullif(a.answer -> 1, 'null'),
        nullif(a.answer -> 2, 'null')
    from evident._ask_projector(
        evident._fill(
            $sql$
            with replay as (
                select
                    v.key,
                    {fold}(v.key, v.event order by v.position) as next_row
                from {events} as v
                where v.position <= {position} and {not_parked} and {only}
                group by v.key
            )

            select
                jsonb_build_array(
                    coalesce(t.{key}, r.key)::text,
                    to_jsonb(t.*),
                    case
                        when (r.next_row).{key} is not null
                            then to_jsonb(r.next_row)
                                || jsonb_build_object({name_of_key}, r.key)
                    end
                )
            from {stored} as t
            full join replay as r on t.{key} = r.key
            where {differs}
            order by coalesce(t.{key}, r.key)::text collate "C"
            $sql$,
            jsonb_build_object(
                'fold', evident._name_of_object(v_projection, 'fold_%s'),
                'events', evident._name_of_object(v_projection, 'events_of_%s'),
                'position', case
                    when v_projection.mode = 'sync' and v_projection.state = 'running'
                        then 9223372036854775807
                    else v_projection.position
                end,
                'key', format('%I', v_projection.key_column),
                'name_of_key', format('%L', v_projection.key_column),
                'stored', v_stored,
                'differs', evident._sql_differs(v_projection, 'r.next_row'),
                'only', v_only,
                'not_parked', coalesce(v_failures, 'true')
            )
        )
    ) as a (answer);
end;
$function$;

comment on function evident.verify_projection(text, text) is
'The drift: one row for each key where the read model is not what its events fold to,
with the row as stored and as replayed (null: no row). No rows: they are equal. Blocks
nobody. p_key: look at this key alone. Errors: PT400 no such key can be, PT404 no
such projection, or the fold''s own.';

revoke all on function evident.verify_projection(text, text) from public;
grant execute on function evident.verify_projection(text, text) to
evident_operator, evident_auditor;
