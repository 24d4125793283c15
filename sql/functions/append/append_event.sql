-- evident.append_event: append one event to one aggregate.
--
-- The hot path: few and small expressions, since PL/pgSQL prepares each of them,
-- with every function in it, again in each transaction. So the two usual calls have
-- a statement each, which looks for the version before, checks its arguments,
-- announces the append and claims the next version; `found` is all that is asked
-- of it. A row draws its id, a column default, only once it has passed the `where`,
-- and so after the announcement there, as the feed demands (_may_append).
-- An exact version is looked for, since the unique key alone would let a writer
-- leave a gap; the key decides who of two rivals gets the next one, and the other
-- inserts nothing. Only an event_id that the caller gave can collide, so only the
-- general statement watches all keys, which costs more. Whatever is unusual ends
-- in _append_event_explained, which finds out what it was.
--
-- The look-up must stay one by the key whatever the table's statistics say.
-- Sequential scans are off, since a plan made and kept while the table was small
-- would be one. It is limited to the one row there can be. And plans are made once,
-- for any values: statistics that are older than the table's growth let the planner
-- think a plan for known values cheaper, and plan each call anew, which halved the
-- throughput. Such a plan also holds copies of the values, and what is refused for
-- its length is then in memory several times.
--
-- With no expected version, or -1, callers queue on the aggregate's lock, and
-- announce themselves only once they have it.
-- With an exact version a caller waits for nobody but a rival that is about to
-- commit the very same version.
--
-- At READ COMMITTED each statement sees what was committed before it. At
-- REPEATABLE READ and SERIALIZABLE a rival's version that the snapshot cannot
-- see ends in 40001.
--
-- Locks: the feed announcement (shared, never waits); the aggregate's advisory
-- lock when p_expected_version is null or -1.
-- Errors: PT400, PT403, PT404, PT409, PT422, PT500; 40001

create or replace function evident.append_event(
    p_aggregate_id uuid,
    p_event_type text,
    p_payload jsonb,
    p_expected_version bigint default null,
    p_metadata jsonb default null,
    p_event_id uuid default null
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $function$
declare
    v_base integer;
begin
    if p_expected_version = 0 and p_event_id is null then
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata
        )
        select
            p_aggregate_id, 1, p_event_type, p_payload, coalesce(p_metadata, '{}')
        where
            evident._may_append(p_aggregate_id, p_event_type, p_payload, p_metadata)
        on conflict do nothing;
        if found then
            return 1;
        end if;
    elsif p_expected_version between 1 and 2147483646 and p_event_id is null then
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata
        )
        select
            p_aggregate_id, b.version + 1, p_event_type, p_payload,
            coalesce(p_metadata, '{}')
        from (
            select k.version
            from evident.event_store as k
            where
                k.aggregate_id = p_aggregate_id
                and k.version = p_expected_version
            order by k.version
            limit 1
        ) as b
        where
            evident._may_append(p_aggregate_id, p_event_type, p_payload, p_metadata)
        on conflict do nothing;
        if found then
            return p_expected_version + 1;
        end if;
    else
        v_base := evident._base_version(p_aggregate_id, p_expected_version);
        insert into evident.event_store as e (
            aggregate_id, version, event_type, payload, metadata, event_id
        )
        select
            p_aggregate_id, v_base + 1, p_event_type, p_payload,
            coalesce(p_metadata, '{}'), coalesce(p_event_id, evident._uuid_v7())
        where
            case
                when v_base is not null
                    then evident._may_append(
                        p_aggregate_id, p_event_type, p_payload, p_metadata
                    )
            end
        on conflict do nothing;
        if found then
            return v_base + 1::bigint;
        end if;
    end if;

    return evident._append_event_explained(
        p_aggregate_id, p_event_type, p_payload, p_expected_version, p_metadata,
        p_event_id
    );
end;
$function$;

comment on function evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid) is
'Appends one event and gives its version, 1 for the first of its aggregate.
p_expected_version: n = the aggregate is at exactly n, 0 = it does not exist,
-1 = it exists, null = any. p_event_type: 1 to 100 characters. p_payload and
p_metadata: JSON objects of up to 1048576 bytes as text. p_event_id: identity of the
request; a repeated append with the same event_id, type and payload gives the first
version again. Errors: PT400 invalid argument, PT403 the store''s own aggregate, PT404
no such aggregate, PT409 version conflict, PT422 event_id used for other content,
PT500 the sequence of the ids is not as it was made.';

revoke all on function
evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid)
from public;
grant execute on function
evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid)
to evident_writer;
