-- evident.read_tile: one tile of the ledger, as a C2SP tlog-tiles log serves it.
--
-- https://c2sp.org/tlog-tiles: tile L/N of width W is the W hashes at height 8 L of
-- the tree that begin at entry 256 N.
--
-- Errors: PT400; 0A000 in a database that is not UTF8

create or replace function evident.read_tile(
    p_level bigint,
    p_index bigint,
    p_width bigint default 256
)
returns bytea
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
declare
    v_size bigint := (evident._tree_head()).tree_size;
    v_entries bigint;
begin
    perform evident.require_utf8();
    perform evident._require_log();
    if p_level is null or p_level not between 0 and 7 then
        perform evident._refuse_argument(
            'p_level', 'not from 0 to 7', 'give the level, 0 for leaves'
        );
    end if;
    if p_width is null or p_width not between 1 and 256 then
        perform evident._refuse_argument(
            'p_width', 'not from 1 to 256', 'give the number of hashes'
        );
    end if;

    v_entries := v_size >> 8 * p_level::integer;
    if
        p_index is null
        or p_index < 0
        or p_width > v_entries
        or p_index > (v_entries - p_width) / 256
    then
        perform evident._refuse_argument(
            'p_index',
            format('beyond the tree, which has %s leaves', v_size),
            'give the index of a tile, and a width, that the tree has'
        );
    end if;
    return evident._tile_hashes(
        p_level::integer, p_index, p_width::integer
    );
end;
$function$;

comment on function evident.read_tile(bigint, bigint, bigint) is
'Tile p_level/p_index of the ledger: p_width hashes of 32 bytes each, the bytes that
C2SP tlog-tiles serves. Errors: PT400 beyond the tree; 0A000 in a database that is not
UTF8.';

revoke all on function evident.read_tile(bigint, bigint, bigint) from public;
grant execute on function evident.read_tile(bigint, bigint, bigint) to
evident_auditor;
