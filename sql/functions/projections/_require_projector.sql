-- evident._require_projector: refuse to run what is not safe any more.
--
-- Looked at whenever a projection is run, rebuilt, compared or asked: since it was
-- registered a schema, a table or a function may have been given to somebody else, and
-- names in that schema be his; and the key may have become of another type.
--
-- Errors: PT400

create or replace function evident._require_projector(
    p_projection evident.projection
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
-- Under a run's enable_seqscan = off its joins look so dear before PostgreSQL 18 that
-- they are compiled, which takes a second each time.
set enable_seqscan = on
set jit = off
as $function$
declare
    v_problem record;
begin
    select i.reason, i.hint
    into v_problem
    from (
        select 0 as rank, k.reason, k.hint
        from evident._key_problem(
            evident._read_model(p_projection), p_projection.key_column
        ) as k
        union all
        select n.rank, n.reason, n.hint
        from evident._projection_intruder(
            array(
                select m.object
                from evident._projection_made(p_projection.name) as m
                where m.kind = 'view'
            )
            || evident._read_model(p_projection),
            array(
                select m.object
                from evident._projection_made(p_projection.name) as m
                inner join pg_proc as p on m.object = p.oid and not p.prosecdef
                -- What a trigger names is the owner's: see _sql_keep_event_trigger.
                where p.prorettype <> 'trigger'::regtype
            )
            || evident._projection_bound(p_projection, 'step_%s')
            || evident._projection_bound(p_projection, 'keys_%s')
        ) as n
    ) as i
    order by i.rank, i.reason collate "C"
    limit 1;

    if found then
        perform evident._refuse_argument(
            'p_name', v_problem.reason, v_problem.hint
        );
    end if;
end;
$function$;

comment on function evident._require_projector(evident.projection) is
'Raises PT400 when a projection''s schema, table, fold or keys are not
evident_projector''s alone, or its key is none any more.';

revoke all on function evident._require_projector(evident.projection) from public;
