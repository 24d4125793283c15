-- evident._check_entries: refuse a batch whose entries are malformed.
--
-- Looks at everything but the events themselves; see _check_events. A key that
-- nobody knows is refused, since a misspelt expected_version would otherwise
-- switch the check off without a word.
--
-- Errors: PT400, for the first bad entry; PT403, for the store's own aggregate

create or replace function evident._check_entries(p_appends jsonb)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_problem text[];
    v_place text;
    v_repeated text;
    v_queue_length bigint;
begin
    if jsonb_typeof(p_appends) is distinct from 'array' then
        perform evident._refuse_argument(
            'p_appends', 'not a JSON array',
            'pass [{"aggregate_id", "expected_version", "events"}, ...]'
        );
    end if;
    if jsonb_array_length(p_appends) > 10000 then
        perform evident._refuse_argument(
            'p_appends', 'more than 10000 entries', 'split the batch'
        );
    end if;

    select
        p.problem,
        format('p_appends[%s]%s', a.ordinality - 1, p.problem[1])
    into v_problem, v_place
    from jsonb_array_elements(p_appends) with ordinality as a (value, ordinality)
    cross join lateral (
        select case
            when jsonb_typeof(a.value) <> 'object' then array[
                '', 'not a JSON object',
                'pass {"aggregate_id", "expected_version", "events"}'
            ]
            when a.value - '{aggregate_id,expected_version,events}'::text[] <> '{}'
                then array[
                    '', 'has an unknown key',
                    'the keys are aggregate_id, expected_version and events'
                ]
            when not evident._is_uuid(a.value -> 'aggregate_id') then array[
                '.aggregate_id', 'not a UUID', 'pass a UUID as a string'
            ]
            when not evident._is_expected_version(a.value -> 'expected_version')
                then array[
                    '.expected_version',
                    'not null and not an integer of -1 or more',
                    'n = exactly n, 0 = must not exist, -1 = must exist, '
                    'null = any'
                ]
            when coalesce(jsonb_typeof(a.value -> 'events'), 'null')
                not in ('array', 'null') then array[
                    '.events', 'not a JSON array',
                    'pass [{"type", "payload"}, ...], or leave events out to '
                    'check the version only'
                ]
            when coalesce(a.value -> 'events', 'null') in ('null', '[]')
                and coalesce(a.value -> 'expected_version', 'null') = 'null'
                then array[
                    '', 'neither events nor an expected version',
                    'give events to append, or a version to check'
                ]
        end as problem
    ) as p
    where p.problem is not null
    order by a.ordinality
    limit 1;
    if v_problem is not null then
        perform evident._refuse_argument(v_place, v_problem[2], v_problem[3]);
    end if;

    perform evident._refuse_own_stream(n.aggregate_id)
    from evident._append_entries(p_appends) as n
    where n.aggregate_id = '00000000-0000-0000-0000-000000000000';

    select n.aggregate_id::text into v_repeated
    from evident._append_entries(p_appends) as n
    group by n.aggregate_id
    having count(*) > 1
    limit 1;
    if found then
        perform evident._refuse_argument(
            'p_appends', format('aggregate %s stands in two entries', v_repeated),
            'put all events of one aggregate into one entry'
        );
    end if;

    -- Each such entry holds a lock in a table that all sessions share.
    select
        case
            when bool_or(n.event_count = 0) then count(*)
            else count(*) filter (where n.expected is null or n.expected < 0)
        end
    into v_queue_length
    from evident._append_entries(p_appends) as n;
    if v_queue_length > 1000 then
        perform evident._refuse_argument(
            'p_appends',
            'more than 1000 entries that queue for their aggregate',
            'split the batch, or name exact versions; an entry queues when its '
            'expected version is null or -1, and all do when one has no events'
        );
    end if;
end;
$function$;

comment on function evident._check_entries(jsonb) is
'Raises PT400 for the first malformed entry of a batch, PT403 for an entry of the
store''s own aggregate.';

revoke all on function evident._check_entries(jsonb) from public;
