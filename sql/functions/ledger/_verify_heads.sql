-- evident._verify_heads: tree heads, against the tiles and the last events.
--
-- The first one that does not fit is told: behind a change none does. Where the head
-- before fits, the change is between the two. Full tiles were compared with their
-- events before, so their hashes will do.

create or replace function evident._verify_heads(p_from bigint, p_to bigint)
returns table (leaf_index bigint, problem text)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
    select
        least(h.size_before, h.tree_size) as leaf_index,
        format(
            'tree head %s, %s leaves, does not follow from leaf %s to its last',
            h.number, h.tree_size, least(h.size_before, h.tree_size)
        ) as problem
    from (
        select
            t.number,
            t.tree_size,
            t.root_hash,
            t.last_event_id,
            coalesce(lag(t.tree_size) over (order by t.number), p_from) as size_before
        from evident.tree_head as t
        where t.tree_size between p_from and p_to
    ) as h
    cross join lateral (
        select evident._tile_end((h.tree_size >> 8) - 1) as id
    ) as a
    cross join lateral (
        select max(l.id) as last_event_id
        from (
            select e.id
            from evident.event_store as e
            where e.id > a.id
            order by e.id
            limit h.tree_size & 255
        ) as l
    ) as f
    where
        h.tree_size < h.size_before
        or evident._root_over(
            h.tree_size,
            evident._tile_hashes(0, h.tree_size >> 8, (h.tree_size & 255)::integer)
        ) <> h.root_hash
        or (
            h.tree_size > 0
            and coalesce(f.last_event_id, a.id) <> h.last_event_id
        )
    order by h.number
    limit 1;
$function$;

comment on function evident._verify_heads(bigint, bigint) is
'The first tree head, of those with p_from to p_to leaves, that does not fit.';

revoke all on function evident._verify_heads(bigint, bigint) from public;
