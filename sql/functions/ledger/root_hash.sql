-- evident.root_hash: the root of the tree over the first sealed events.
--
-- RFC 6962, 2.1, the Merkle tree hash. Made from tiles and, in the last tile, from the
-- events as they are now: compare it with the tree head, or with a checkpoint.
--
-- Errors: PT400; 0A000 in a database that is not UTF8

create or replace function evident.root_hash(p_size bigint)
returns bytea
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
begin
    perform evident.require_utf8();
    perform evident._require_log();
    perform evident._check_tree_size('p_size', p_size, 0);
    return evident._root_over(
        p_size, evident._tile_hashes(0, p_size >> 8, (p_size & 255)::integer)
    );
end;
$function$;

comment on function evident.root_hash(bigint) is
'The root hash, 32 bytes, of the RFC 6962 tree over the first p_size leaves, from 0 to
the size of the newest tree head. Made anew from tiles and events. Errors: PT400 beyond
the tree; 0A000 in a database that is not UTF8.';

revoke all on function evident.root_hash(bigint) from public;
grant execute on function evident.root_hash(bigint) to
evident_operator, evident_auditor;
