-- evident._verify_tiles: full tiles above the leaves, against the tiles below them.

create or replace function evident._verify_tiles(
    p_level integer,
    p_first bigint,
    p_last bigint
)
returns table (leaf_index bigint, problem text)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
    select
        n.index << 8 * (p_level + 1) as leaf_index,
        case
            when t.index is null then format('tile %s/%s is missing', p_level, n.index)
            else format(
                'tile %s/%s does not follow from the ones below', p_level, n.index
            )
        end as problem
    from generate_series(p_first, p_last) as n (index)
    left join evident.ledger_tile as t on t.level = p_level and n.index = t.index
    cross join lateral (
        select
            string_agg(b.root_hash, '' order by b.index) as hashes,
            min(b.first_event_id) as first_event_id,
            max(b.last_event_id) as last_event_id
        from evident.ledger_tile as b
        where
            b.level = p_level - 1
            and b.index >= n.index * 256
            and b.index < n.index * 256 + 256
    ) as f
    where
        (t.hashes, t.root_hash, t.first_event_id, t.last_event_id)
        is distinct from
        (f.hashes, evident._tree_root(f.hashes), f.first_event_id, f.last_event_id)
    order by n.index;
$function$;

comment on function evident._verify_tiles(integer, bigint, bigint) is
'What differs between the full tiles p_level/p_first to p_level/p_last and the tiles of
the level below.';

revoke all on function evident._verify_tiles(integer, bigint, bigint) from public;
