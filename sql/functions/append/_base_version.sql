-- evident._base_version: the version that an append is to follow; null when the
-- aggregate is not as expected.
--
-- An exact version is only looked for: that nothing follows it yet is decided by
-- the unique key. Why the look-up has a limit: see append_event. For any version
-- the caller first queues for the aggregate, and what the one before it appended
-- is visible to the statement after.
--
-- Nothing can follow version 2147483647, so that is null too.
--
-- Locks: the aggregate, when p_expected_version is null or -1.

create or replace function evident._base_version(
    p_aggregate_id uuid,
    p_expected_version bigint
)
returns integer
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_expected_version = 0 then
        return 0;
    end if;
    if p_expected_version < -1 then
        return null;
    end if;
    if p_expected_version > 0 then
        return (
            select e.version
            from evident.event_store as e
            where
                e.aggregate_id = p_aggregate_id
                and e.version = p_expected_version
                and e.version < 2147483647
            order by e.version
            limit 1
        );
    end if;

    perform evident._lock_aggregate(p_aggregate_id);
    return (
        select
            nullif(
                coalesce(
                    max(e.version), case when p_expected_version is null then 0 end
                ),
                2147483647
            )
        from evident.event_store as e
        where e.aggregate_id = p_aggregate_id
    );
end;
$function$;

comment on function evident._base_version(uuid, bigint) is
'The version that an append with this expectation is to
follow, 0 for a new aggregate; null when the aggregate is not as expected, or has the
last version there is.';

revoke all on function evident._base_version(uuid, bigint) from public;
