-- evident.leaf_entry: the bytes of one event that its leaf in the ledger is made of.
--
-- Leaf format, version 1; docs/ledger-spec.md lists the fields. Only functions whose
-- result depends on nothing but the stored value: no text of a time stamp (TimeZone,
-- DateStyle), no textsend (client_encoding), no cast of text to bytea (backslashes).
-- Lengths are of the bytes that are hashed. Inlined into the query that calls it, and
-- the check of the encoding is done when that query is planned.
--
-- Errors: 0A000

create or replace function evident.leaf_entry(p_event evident.event_store)
returns bytea
language sql
stable
parallel safe
begin atomic
    select
        case
            when evident.require_utf8() then
                decode('65766964656e742e6576656e742e76310a', 'hex')
                || int8send((p_event).id)
                || uuid_send((p_event).event_id)
                || uuid_send((p_event).aggregate_id)
                || int4send((p_event).version)
                || timestamptz_send((p_event).occurred_at)
                || int4send(octet_length(convert_to((p_event).event_type, 'UTF8')))
                || convert_to((p_event).event_type, 'UTF8')
                || int4send(octet_length(convert_to((p_event).recorded_by, 'UTF8')))
                || convert_to((p_event).recorded_by, 'UTF8')
                || sha256(convert_to((p_event).payload::text, 'UTF8'))
                || sha256(convert_to((p_event).metadata::text, 'UTF8'))
                -- The commitment to private data; there is none in this version.
                || decode(repeat('00', 32), 'hex')
        end;
end;

comment on function evident.leaf_entry(evident.event_store) is
'The bytes of an event that are hashed into the ledger: the line evident.event.v1, id,
event_id, aggregate_id, version, occurred_at, event_type, recorded_by, the sha256 of
payload and of metadata as text, and 32 zero bytes. Errors: 0A000 in a database that is
not UTF8.';

revoke all on function evident.leaf_entry(evident.event_store) from public;
grant execute on function evident.leaf_entry(evident.event_store) to
evident_reader, evident_operator, evident_auditor;
