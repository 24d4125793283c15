-- evident._verify_leaves: full tiles of leaves, against the events below them.
--
-- A tile's events are those between the last id of the tile before and its own, also
-- in the gaps between ids, where an event may have been put later.

create or replace function evident._verify_leaves(p_first bigint, p_last bigint)
returns table (leaf_index bigint, event_id uuid, problem text)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
    select
        p.leaf_index,
        p.event_id,
        p.problem
    from generate_series(p_first, p_last) as n (index)
    left join evident.ledger_tile as t on t.level = 0 and n.index = t.index
    left join evident.ledger_tile as b on b.level = 0 and n.index - 1 = b.index
    cross join lateral (
        -- Where the tile before is missing, its events are not to be blamed on this.
        select coalesce(
            b.last_event_id,
            case when n.index > 0 then t.first_event_id - 1 end,
            evident._tile_end(-1)
        ) as id
    ) as a
    cross join lateral (
        select
            string_agg(l.hash, '' order by l.id) as hashes,
            min(l.id) as first_event_id
        from (
            select
                e.id,
                evident.leaf_hash(e) as hash
            from evident.event_store as e
            where e.id > a.id and e.id <= t.last_event_id
            order by e.id
        ) as l
    ) as f
    cross join lateral (
        select
            c.leaf_index,
            c.event_id,
            c.problem
        from evident._changed_leaves(n.index, a.id) as c
        where f.hashes is distinct from t.hashes

        union all

        select
            n.index * 256 as leaf_index,
            null as event_id,
            format('tile 0/%s is missing', n.index) as problem
        where t.index is null

        union all

        select
            n.index * 256 as leaf_index,
            null as event_id,
            format('tile 0/%s has another root or first event', n.index) as problem
        where
            evident._tree_root(t.hashes) <> t.root_hash
            or (f.hashes = t.hashes and f.first_event_id <> t.first_event_id)
    ) as p
    order by n.index, p.leaf_index;
$function$;

comment on function evident._verify_leaves(bigint, bigint) is
'What differs between the full tiles 0/p_first to 0/p_last and their events.';

revoke all on function evident._verify_leaves(bigint, bigint) from public;
