-- evident._tree_root: the root of the tree over some hashes of one level.

create or replace function evident._tree_root(p_hashes bytea)
returns bytea
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
    with recursive node (hashes) as (
        select p_hashes

        union all

        select evident._pair_hashes(n.hashes)
        from node as n
        where octet_length(n.hashes) > 32
    )

    select n.hashes
    from node as n
    where octet_length(n.hashes) <= 32;
$function$;

comment on function evident._tree_root(bytea) is
'The root over hashes of one level, 32 bytes each, left to right; nothing for nothing.';

revoke all on function evident._tree_root(bytea) from public;
