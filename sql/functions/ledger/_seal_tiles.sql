-- evident._seal_tiles: store the tiles that new leaves have filled.
--
-- p_hashes and p_ids begin at the last tile of leaves that was not full. A tile's root
-- is one hash of the level above, so the levels above are made of stored roots.

create or replace function evident._seal_tiles(
    p_size bigint,
    p_hashes bytea,
    p_ids bigint[]
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_from bigint := p_size >> 8;
    v_to bigint := v_from + (cardinality(p_ids) >> 8);
    v_roots bytea := substr(p_hashes, 1, (cardinality(p_ids) >> 8) * 8192);
    v_level integer := 0;
begin
    -- Tiles begin at multiples of 256, so all of them can be halved in one go.
    for v_height in 1 .. 8 loop
        v_roots := evident._pair_hashes(v_roots);
    end loop;

    insert into evident.ledger_tile (
        level, index, first_event_id, last_event_id, root_hash, hashes
    )
    select
        v_level,
        v_from + n.number,
        p_ids[n.number * 256 + 1],
        p_ids[n.number * 256 + 256],
        substr(v_roots, n.number * 32 + 1, 32),
        substr(p_hashes, n.number * 8192 + 1, 8192)
    from generate_series(0, (v_to - v_from)::integer - 1) as n (number);

    for v_above in 1..7 loop
        v_level := v_level + 1;
        v_from := v_from >> 8;
        v_to := v_to >> 8;
        exit when v_from = v_to;

        insert into evident.ledger_tile (
            level, index, first_event_id, last_event_id, root_hash, hashes
        )
        select
            v_level,
            t.index,
            t.first_event_id,
            t.last_event_id,
            evident._tree_root(t.hashes),
            t.hashes
        from (
            select
                b.index >> 8 as index,
                min(b.first_event_id) as first_event_id,
                max(b.last_event_id) as last_event_id,
                string_agg(b.root_hash, '' order by b.index) as hashes
            from evident.ledger_tile as b
            where
                b.level = v_level - 1
                and b.index >= v_from * 256
                and b.index < v_to * 256
            group by b.index >> 8
        ) as t;
    end loop;
end;
$function$;

comment on function evident._seal_tiles(bigint, bytea, bigint[]) is
'Stores the tiles that fill up when leaves with these hashes and event ids, from the
last multiple of 256 on, join a tree of p_size leaves.';

revoke all on function evident._seal_tiles(bigint, bytea, bigint[]) from public;
