-- evident.aggregate_at: everything that was known about an aggregate at a moment.
--
-- One row for each projection whose key is the aggregate, folded from its events up
-- to then; null is now. A projection in which it had no row is left out.
--
-- Runs with the caller's rights.
-- Errors: PT404; those of the folds

create or replace function evident.aggregate_at(
    p_aggregate_id uuid,
    p_until timestamptz
)
returns table (projection text, version integer, state jsonb)
language plpgsql
stable
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_version integer;
begin
    select max(e.version) filter (where e.occurred_at <= coalesce(p_until, 'infinity'))
    into v_version
    from evident.event_store as e
    where e.aggregate_id = p_aggregate_id
    having count(*) > 0;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format(
                'aggregate %s does not exist', coalesce(p_aggregate_id::text, 'null')
            ),
            detail = jsonb_build_object('aggregate_id', p_aggregate_id)::text,
            hint = 'check the aggregate''s id';
    end if;

    return query
    select
        s.name,
        v_version,
        s.state
    from (
        select
            p.name,
            evident.project(
                p.name, p_aggregate_id::text, p_until => p_until
            ) as state
        from evident.projection as p
        where p.keys is null
    ) as s
    where s.state is not null
    order by s.name collate "C";
end;
$function$;

comment on function evident.aggregate_at(uuid, timestamptz) is
'What was known about an aggregate at p_until (null = now): one row for each projection
by aggregate, with the aggregate''s version then, and the row as JSON. No rows: nothing
was known yet. Errors: PT404 no such aggregate.';

revoke all on function evident.aggregate_at(uuid, timestamptz) from public;
grant execute on function evident.aggregate_at(uuid, timestamptz) to
evident_reader, evident_operator, evident_auditor;
