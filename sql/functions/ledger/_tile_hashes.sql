-- evident._tile_hashes: the first hashes of one tile, whether it is full or not.
--
-- Full tiles are stored. The last tile of each level is made from what is below it:
-- events, or the roots of full tiles.

create or replace function evident._tile_hashes(
    p_level integer,
    p_index bigint,
    p_width integer
)
returns bytea
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_hashes bytea;
begin
    if p_width = 0 then
        return ''::bytea;
    end if;

    select substr(t.hashes, 1, p_width * 32)
    into v_hashes
    from evident.ledger_tile as t
    where t.level = p_level and t.index = p_index;

    if found then
        return v_hashes;
    end if;

    if p_level = 0 then
        select string_agg(l.hash, '' order by l.id)
        into v_hashes
        from (
            select
                e.id,
                evident.leaf_hash(e) as hash
            from evident.event_store as e
            where e.id > evident._tile_end(p_index - 1)
            order by e.id
            limit p_width
        ) as l;
    else
        select string_agg(t.root_hash, '' order by t.index)
        into v_hashes
        from evident.ledger_tile as t
        where
            t.level = p_level - 1
            and t.index >= p_index * 256
            and t.index < p_index * 256 + p_width;
    end if;
    return coalesce(v_hashes, '');
end;
$function$;

comment on function evident._tile_hashes(integer, bigint, integer) is
'The first p_width hashes of tile p_level/p_index, 32 bytes each; fewer when what they
are made of is missing.';

revoke all on function evident._tile_hashes(integer, bigint, integer) from public;
