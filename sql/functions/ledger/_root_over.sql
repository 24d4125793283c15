-- evident._root_over: the root of a tree whose last leaves are given.
--
-- The last, partial tile of leaves is the caller's; everything to the left of it
-- comes from tiles. Level by level: the perfect entries of the last tile, and behind
-- them what the level below has left over.

create or replace function evident._root_over(p_size bigint, p_leaves bytea)
returns bytea
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_edge bytea := evident._tree_root(p_leaves);
    v_entries bigint := p_size;
begin
    if p_size = 0 then
        return sha256('');
    end if;
    for v_level in 1..8 loop
        v_entries := v_entries >> 8;
        exit when v_entries = 0;
        v_edge := evident._tree_root(
            evident._tile_hashes(v_level, v_entries >> 8, (v_entries & 255)::integer)
            || v_edge
        );
    end loop;
    return v_edge;
end;
$function$;

comment on function evident._root_over(bigint, bytea) is
'The root of the tree of p_size leaves, given the hashes of its last p_size % 256 leaves
and, from the ledger''s tiles, all before them.';

revoke all on function evident._root_over(bigint, bytea) from public;
