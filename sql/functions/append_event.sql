-- evident.append_event: append one event to one aggregate.
--
-- The short path below is the hot one: few and small expressions, since PL/pgSQL
-- prepares each of them, with every function in it, again in each transaction.
-- The two usual calls have a statement each. An exact version is found and followed
-- in one, since the unique key alone would let a writer leave a gap; the insert
-- claims its version by the unique key, and inserts nothing when a rival has
-- it. Only an event_id that the caller gave can collide, so only the general
-- statement watches all keys, which costs more. Whatever is unusual ends in
-- _append_event_fully, which finds out what it was.
--
-- With no expected version, or -1, callers queue on the aggregate's lock.
-- With an exact version a caller waits for nobody but a rival that is about to
-- commit the very same version.
--
-- At READ COMMITTED each statement sees what was committed before it. At
-- REPEATABLE READ and SERIALIZABLE a rival's version that the snapshot cannot
-- see ends in 40001.
--
-- Locks: the feed announcement (shared, never waits); the aggregate's advisory
-- lock when p_expected_version is null or -1.
-- Errors: PT400, PT404, PT409, PT422

create or replace function evident.append_event(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_expected_version integer default null,
    p_metadata jsonb default '{}',
    p_event_id uuid default null
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_base integer;
    v_version bigint;
begin
    if p_aggregate_id is not null
        and p_event_type <> ''
        and char_length(p_event_type) <= 100
        and p_payload @> '{}'
        and p_metadata @> '{}'
        and evident._announce_append()
    then
        if p_expected_version > 0 and p_event_id is null then
            insert into evident.event_store as e (
                aggregate_id, version, event_type, payload, metadata
            )
            select p_aggregate_id, b.version + 1, p_event_type, p_payload, p_metadata
            from evident.event_store as b
            where
                b.aggregate_id = p_aggregate_id
                and b.version = p_expected_version
            on conflict (aggregate_id, version) do nothing
            returning e.version into v_version;
        elsif p_expected_version = 0 and p_event_id is null then
            insert into evident.event_store as e (
                aggregate_id, version, event_type, payload, metadata
            )
            values (p_aggregate_id, 1, p_event_type, p_payload, p_metadata)
            on conflict (aggregate_id, version) do nothing
            returning e.version into v_version;
        else
            v_base := evident._base_version(p_aggregate_id, p_expected_version);
            insert into evident.event_store as e (
                aggregate_id, version, event_type, payload, metadata, event_id
            )
            select
                p_aggregate_id, v_base + 1, p_event_type, p_payload, p_metadata,
                coalesce(p_event_id, evident._uuid_v7())
            where v_base is not null
            on conflict do nothing
            returning e.version into v_version;
        end if;

        if v_version is not null then
            return v_version;
        end if;
    end if;

    return evident._append_event_fully(
        p_aggregate_id, p_event_type, p_payload, p_expected_version, p_metadata,
        p_event_id
    );
end;
$function$;

comment on function evident.append_event(uuid, text, jsonb, integer, jsonb, uuid) is
'Appends one event and gives its version, 1 for the first of its aggregate.
p_expected_version: n = the aggregate is at exactly n, 0 = it does not exist,
-1 = it exists, null = any. p_event_type: 1 to 100 characters. p_payload and
p_metadata: JSON objects. p_event_id: identity of the request; a repeated append
with the same event_id, type and payload gives the first version again. Errors:
PT400 invalid argument, PT404 no such aggregate, PT409 version conflict, PT422
event_id used for other content.';

revoke all on function
evident.append_event(uuid, text, jsonb, integer, jsonb, uuid)
from public;
grant execute on function
evident.append_event(uuid, text, jsonb, integer, jsonb, uuid)
to evident_writer;
