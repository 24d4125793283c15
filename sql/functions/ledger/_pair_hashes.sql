-- evident._pair_hashes: one level of a Merkle tree from the level below.
--
-- RFC 6962, 2.1: a node is sha256(0x01 || left || right). Two neighbours lie side by
-- side in the string, so a node is the hash of one slice of it. An odd last hash goes
-- up as it is, which gives the tree of the RFC.

create or replace function evident._pair_hashes(p_hashes bytea)
returns bytea
language sql
immutable
parallel safe
begin atomic
    select
        coalesce(
            string_agg(
                sha256(decode('01', 'hex') || substr(p_hashes, i.pair * 64 + 1, 64)),
                ''::bytea
                order by i.pair
            ),
            ''
        )
        || substr(p_hashes, octet_length(p_hashes) / 64 * 64 + 1)
    from generate_series(0, octet_length(p_hashes) / 64 - 1) as i (pair);
end;

comment on function evident._pair_hashes(bytea) is
'The hashes of one tree level, from those of the level below, 32 bytes each.';

revoke all on function evident._pair_hashes(bytea) from public;
