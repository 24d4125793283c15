-- evident.leaf_hash: the hash of one event in the ledger.
--
-- RFC 6962, 2.1: sha256(0x00 || entry). Inlined into the query that calls it.
--
-- Errors: 0A000

create or replace function evident.leaf_hash(p_event evident.event_store)
returns bytea
language sql
stable
parallel safe
begin atomic
    select sha256(decode('00', 'hex') || evident.leaf_entry(p_event));
end;

comment on function evident.leaf_hash(evident.event_store) is
'The leaf hash of an event, 32 bytes: sha256(0x00 || leaf_entry), as in RFC 6962. A
client that keeps it has a receipt: what the ledger must hold for this event. Errors:
0A000 in a database that is not UTF8.';

revoke all on function evident.leaf_hash(evident.event_store) from public;
grant execute on function evident.leaf_hash(evident.event_store) to
evident_reader, evident_operator, evident_auditor;
