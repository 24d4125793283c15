-- evident._projection_made: what was made for a projection, as it is in the catalog.
--
-- Found by name: no form begins another, so no name can be read in two ways, and no two
-- objects have the same, so that a name is enough to drop one. The view
-- comes first, as it uses a function; then aggregates, and the functions they use.

create or replace function evident._projection_made(p_name text)
returns table (kind text, object oid, name name)
language sql
stable
parallel safe
begin atomic
    select
        m.kind,
        m.object,
        m.name
    from (
        select
            'view' as kind,
            c.oid as object,
            c.relname as name,
            1 as rank
        from pg_class as c
        where
            c.relnamespace = 'evident'::regnamespace
            and c.relname = 'events_of_' || p_name
        union all
        select
            case p.prokind when 'a' then 'aggregate' else 'function' end,
            p.oid,
            p.proname,
            case p.prokind when 'a' then 2 else 3 end
        from pg_proc as p
        where
            p.pronamespace = 'evident'::regnamespace
            and p.proname in (
                'fold_' || p_name, 'folding_' || p_name, 'refold_' || p_name,
                'refolding_' || p_name, 'step_' || p_name,
                'keys_' || p_name, 'row_' || p_name, 'next_' || p_name,
                'pinned_' || p_name, 'keep_event_' || p_name,
                'keep_batch_' || p_name, 'kept_event_' || p_name,
                'kept_batch_' || p_name, 'hold_event_' || p_name
            )
    ) as m
    -- collation: an oid
    order by m.rank, m.object;
end;

comment on function evident._projection_made(text) is
'The view, aggregates and functions that create_projection made, in an order in which
they can be dropped.';

revoke all on function evident._projection_made(text) from public;
