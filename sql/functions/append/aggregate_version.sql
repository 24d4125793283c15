-- evident.aggregate_version: the newest version of one aggregate, 0 when it has
-- none.
--
-- Reads one index entry. Under READ COMMITTED the answer may be old by the time
-- it is used; append_event checks it again.

create or replace function evident.aggregate_version(p_aggregate_id uuid)
returns integer
language sql
stable
parallel safe
begin atomic
    select coalesce(max(e.version), 0)
    from evident.event_store as e
    where e.aggregate_id = p_aggregate_id;
end;

comment on function evident.aggregate_version(uuid) is
'The newest version of one aggregate, 0 when it has no events.';

revoke all on function evident.aggregate_version(uuid) from public;
grant execute on function evident.aggregate_version(uuid) to
evident_reader, evident_operator, evident_auditor;
