-- evident._audit_path: one node of the tree, and its siblings up to the root.
--
-- The node is the one above the leaf at the given height, and must be the root of a
-- perfect subtree. Both proofs of RFC 6962 (2.1.1, 2.1.2) are such paths.
--
-- Tile level by tile level: v_right is the last tile, with what the level below has
-- left over behind its perfect entries; v_hashes is the tile on the way, halved eight
-- times. A node without a sibling goes up as it is, and adds nothing.

create or replace function evident._audit_path(
    p_leaf bigint,
    p_height integer,
    p_size bigint
)
returns bytea[]
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_path bytea[] := '{}'::bytea[];
    v_level integer := 0;
    v_last bigint;
    v_right bytea := ''::bytea;
    v_hashes bytea;
    v_place bigint;
begin
    -- Ends: a level more each time, and a size has 64 bits.
    while (p_size - 1) >> 8 * v_level > 0 loop
        v_last := (p_size >> 8 * v_level) >> 8;
        v_right := evident._tile_hashes(
            v_level, v_last, ((p_size >> 8 * v_level) & 255)::integer
        ) || evident._tree_root(v_right);

        if 8 * (v_level + 1) > p_height then
            v_place := p_leaf >> 8 * v_level;
            v_hashes := case
                when v_place >> 8 = v_last then v_right
                else evident._tile_hashes(v_level, v_place >> 8, 256)
            end;
            v_place := v_place & 255;
            for v_height in 8 * v_level .. 8 * v_level + 7 loop
                if v_height = p_height then
                    v_path := v_path || substr(v_hashes, v_place::integer * 32 + 1, 32);
                end if;
                exit when octet_length(v_hashes) <= 32;
                if
                    v_height >= p_height
                    and (v_place # 1) < octet_length(v_hashes) / 32
                then
                    v_path := v_path
                        || substr(v_hashes, (v_place # 1)::integer * 32 + 1, 32);
                end if;
                v_hashes := evident._pair_hashes(v_hashes);
                v_place := v_place >> 1;
            end loop;
        end if;
        v_level := v_level + 1;
    end loop;
    return v_path;
end;
$function$;

comment on function evident._audit_path(bigint, integer, bigint) is
'The node at p_height above leaf p_leaf in the tree of p_size leaves, then the siblings
on the way to the root.';

revoke all on function evident._audit_path(bigint, integer, bigint) from public;
