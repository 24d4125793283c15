begin;
select plan(149);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

-- Who may call it.

select is(
    pg_temp.permitted($$ select evident.append_events(
        '01900000-0000-7000-8000-000000000001',
        '[{"type": "TaskCreated", "payload": {}}]'
    ) $$),
    array['evident_writer'],
    'only a writer may append events'
);

-- Expected versions.

set local role evident_writer;

select is(
    evident.append_events(
        '01900000-0000-7000-8000-000000000001',
        '[
            {"type": "TaskCreated", "payload": {"name": "a"}},
            {"type": "TaskRenamed", "payload": {"name": "b"}}
        ]',
        0
    ),
    2::bigint,
    'with 0 the events are the first, and the last one''s version is given'
);
select is(
    evident.append_events(
        '01900000-0000-7000-8000-000000000001',
        '[
            {"type": "TaskRenamed", "payload": {"name": "c"}},
            {"type": "TaskRenamed", "payload": {"name": "d"}}
        ]',
        2
    ),
    4::bigint,
    'with the newest version the events follow it'
);
select is(
    evident.append_events(
        '01900000-0000-7000-8000-000000000001',
        '[{"type": "TaskRenamed", "payload": {"name": "e"}}]'
    ),
    5::bigint,
    'with no expected version the events go behind the newest'
);
select is(
    evident.append_events(
        '01900000-0000-7000-8000-000000000001',
        '[
            {"type": "TaskRenamed", "payload": {"name": "f"}},
            {"type": "TaskDone", "payload": {}}
        ]',
        -1
    ),
    7::bigint,
    'with -1 the events go behind the newest of an aggregate that exists'
);
select is(
    evident.append_events(
        p_aggregate_id => '01900000-0000-7000-8000-000000000002',
        p_events => '[
            {
                "type": "TaskCreated", "payload": {},
                "metadata": {"actor": "carol"},
                "event_id": "01900000-0000-7000-9000-00000000000A"
            },
            {"type": "TaskDone", "payload": {}, "event_id": null}
        ]',
        p_expected_version => null
    ),
    2::bigint,
    'with no expected version the events may be the first'
);

select is(
    pg_temp.refusal($$ select evident.append_events(
        '01900000-0000-7000-8000-000000000001',
        '[
            {"type": "TaskRenamed", "payload": {}},
            {"type": "TaskRenamed", "payload": {}}
        ]',
        5
    ) $$) - 'message',
    '{
        "code": "PT409",
        "detail": {"conflicts": [{
            "aggregate_id": "01900000-0000-7000-8000-000000000001",
            "expected": 5,
            "actual": 7
        }]},
        "hint": "reload the aggregate and decide again"
    }'::jsonb,
    'a writer that has not seen the newest events is refused'
);
select is(
    pg_temp.refusal(format(
        $$ select evident.append_events(
            '01900000-0000-7000-8000-000000000001',
            '[
                {"type": "TaskRenamed", "payload": {}},
                {"type": "TaskRenamed", "payload": {}},
                {"type": "TaskRenamed", "payload": {}}
            ]',
            %s
        ) $$,
        expected
    )) -> 'detail' -> 'conflicts' -> 0,
    jsonb_build_object(
        'aggregate_id', '01900000-0000-7000-8000-000000000001',
        'expected', expected,
        'actual', 7
    ),
    format('an aggregate at version 7 is refused when %s is expected', expected)
)
from unnest(array[0, 1, 6, 8, 2147483647]) as e (expected);
select is(
    pg_temp.refusal($$ select evident.append_events(
        '01900000-0000-7000-8000-000000000003',
        '[{"type": "TaskRenamed", "payload": {}}]',
        1
    ) $$) -> 'detail' -> 'conflicts' -> 0 -> 'actual',
    '0'::jsonb,
    'a version of an aggregate that does not exist is refused'
);
select is(
    pg_temp.refusal($$ select evident.append_events(
        '01900000-0000-7000-8000-000000000003',
        '[{"type": "TaskRenamed", "payload": {}}]',
        -1
    ) $$) - 'hint' #- '{detail,conflicts}',
    '{
        "code": "PT404",
        "message": "aggregate 01900000-0000-7000-8000-000000000003 does not exist",
        "detail": {"name": "01900000-0000-7000-8000-000000000003"}
    }'::jsonb,
    'with -1 an aggregate that does not exist is refused'
);

-- What is stored.

reset role;

select results_eq(
    $$ select e.version, e.event_type, e.payload
    from evident.event_store as e
    where e.aggregate_id = '01900000-0000-7000-8000-000000000001'
    order by e.id $$,
    $$ values
    (1, 'TaskCreated', '{"name": "a"}'::jsonb),
    (2, 'TaskRenamed', '{"name": "b"}'),
    (3, 'TaskRenamed', '{"name": "c"}'),
    (4, 'TaskRenamed', '{"name": "d"}'),
    (5, 'TaskRenamed', '{"name": "e"}'),
    (6, 'TaskRenamed', '{"name": "f"}'),
    (7, 'TaskDone', '{}') $$,
    'the order of the document is the order of versions and of ids'
);
select results_eq(
    $$ select
        e.metadata,
        e.event_id = '01900000-0000-7000-9000-00000000000a',
        substring(e.event_id::text from 15 for 1)
    from evident.event_store as e
    where e.aggregate_id = '01900000-0000-7000-8000-000000000002'
    order by e.version $$,
    $$ values ('{"actor": "carol"}'::jsonb, true, '7'), ('{}', false, '7') $$,
    'metadata and event_id are stored as given, or as their defaults'
);
select is(
    (
        select array_agg(distinct e.recorded_by)
        from evident.event_store as e
        where e.aggregate_id = '01900000-0000-7000-8000-000000000001'
    ),
    array[session_user::text],
    'recorded_by is who logged in, not the role that was set'
);

create or replace function evident._now()
returns timestamptz
language sql
volatile
parallel safe
begin atomic
    select timestamptz '2001-02-03 04:05:06.789+00';
end;

select evident.append_events(
    '01900000-0000-7000-8000-000000000004',
    '[{"type": "TaskCreated", "payload": {}}, {"type": "TaskDone", "payload": {}}]'
);

select is(
    (
        select array_agg(distinct e.occurred_at)
        from evident.event_store as e
        where e.aggregate_id = '01900000-0000-7000-8000-000000000004'
    ),
    array[timestamptz '2001-02-03 04:05:06.789+00'],
    'occurred_at is what evident._now says'
);

-- A repeated request.

set local role evident_writer;

select evident.append_events(pg_temp.task(5), pg_temp.noted(51, 52, 53), 0);

select is(
    evident.append_events(pg_temp.task(5), pg_temp.noted(51, 52, 53), 0),
    3::bigint,
    'a repeated append gives the version of the first time'
);

select evident.append_events(pg_temp.task(5), pg_temp.noted(null, null), 3);

select is(
    evident.append_events(pg_temp.task(5), pg_temp.noted(51, 52, 53), expected),
    3::bigint,
    format(
        'a repeated append with expected version %s gives the first version',
        coalesce(expected::text, 'null')
    )
)
from unnest(array[0, 1, 2, 3, 5, 9, -1, null]) as e (expected);
select is(
    evident.append_events(
        pg_temp.task(5),
        jsonb_set(pg_temp.noted(51, 52, 53), '{1,metadata}', '{"actor": "carol"}')
    ),
    3::bigint,
    'other metadata is the same request'
);
select is(
    evident.append_events(pg_temp.task(5), pg_temp.noted(52), 0),
    2::bigint,
    'an append of a part of the events gives the version of that part'
);

select evident.append_event(
    pg_temp.task(6), 'TaskNoted', '{"note": 61}', 0, '{}', pg_temp.event_id(61)
);
select evident.append_event(
    pg_temp.task(6), 'TaskNoted', '{"note": 62}', 1, '{}', pg_temp.event_id(62)
);

select is(
    evident.append_events(pg_temp.task(6), pg_temp.noted(61, 62), 0),
    2::bigint,
    'events that were appended one by one are the same request together'
);

reset role;

select is(
    array[pg_temp.stored(5), pg_temp.stored(6)],
    array[5, 2]::bigint[],
    'a repeated append stores nothing'
);

-- event_ids used for something else. Each is tried with every kind of expected
-- version, since each kind takes its own way.

select evident.append_events(pg_temp.task(7), pg_temp.noted(71, null, 73), 0);
select evident.append_events(pg_temp.task(8), pg_temp.noted(81), 0);
select count(*) as before from evident.event_store \gset
set local role evident_writer;

select is(
    pg_temp.refusal(format(
        'select evident.append_events(%L, %L, %L)',
        pg_temp.task(c.task), c.events, e.expected
    )) -> 'detail',
    jsonb_build_object(
        'event_id', pg_temp.event_id(c.refused),
        'aggregate_id', pg_temp.task(c.refused / 10),
        'version', c.version
    ),
    format(
        '%s is refused with expected version %s',
        c.description, coalesce(e.expected::text, 'null')
    )
)
from (
    values
    (
        1, 5, jsonb_set(pg_temp.noted(51, 52, 53), '{1,type}', '"TaskDone"'), 52, 2,
        'another type of one event'
    ),
    (
        2, 5, jsonb_set(pg_temp.noted(51, 52, 53), '{2,payload}', '{}'), 53, 3,
        'another payload of one event'
    ),
    (
        3, 6, pg_temp.noted(51, 52, 53), 51, 1,
        'an array that is stored in another aggregate'
    ),
    (
        4, 5, pg_temp.noted(52, 51), 52, 2,
        'another order'
    ),
    (
        5, 5, pg_temp.noted(51, 53), 51, 1,
        'an array that leaves an event out'
    ),
    (
        6, 5, pg_temp.noted(51, 52, 53, 54), 51, 1,
        'an array whose last event is new'
    ),
    (
        7, 5, pg_temp.noted(54, 51), 51, 1,
        'an array whose first event is new'
    ),
    (
        8, 5, pg_temp.noted(51, 54, 52), 51, 1,
        'an array with a new event between stored ones'
    ),
    (
        9, 5, pg_temp.noted(54, 81), 81, 1,
        'an array with an event of another aggregate at its end'
    ),
    (
        10, 5, pg_temp.noted(81, 54), 81, 1,
        'an array with an event of another aggregate at its beginning'
    ),
    (
        11, 7, pg_temp.noted(71, null, 73), 71, 1,
        'a repeated array in which one event has no event_id'
    ),
    (
        12, 7, pg_temp.noted(71, null), 71, 1,
        'a stored event followed by one without an event_id'
    ),
    (
        13, 7, pg_temp.noted(null, 71), 71, 1,
        'a stored event that follows one without an event_id'
    )
) as c (number, task, events, refused, version, description)
cross join unnest(array[0, 5, -1, null]) as e (expected)
order by c.number, e.expected;
select is(
    pg_temp.refusal(format(
        'select evident.append_events(%L, %L, 3)',
        pg_temp.task(7), pg_temp.noted(74, null, 81)
    )) - 'message',
    jsonb_build_object(
        'code', 'PT422',
        'detail', jsonb_build_object(
            'event_id', pg_temp.event_id(81),
            'aggregate_id', pg_temp.task(8),
            'version', 1
        ),
        'hint', 'repeat the very same append, or give new events new event_ids'
    ),
    'the refusal names the event_id and where it is stored'
);

reset role;

select is(
    (select count(*) from evident.event_store),
    :before::bigint,
    'an append of which a part is stored adds nothing'
);

-- Invalid arguments.

set local role evident_writer;

select is(
    pg_temp.refused_argument(format(
        'select evident.append_events(%L, %L, %L)',
        pg_temp.task(9), c.events, e.expected
    )),
    'p_events' || c.path,
    format(
        '%s is refused with expected version %s',
        c.description, coalesce(e.expected::text, 'null')
    )
)
from (
    values
    (1, null, '', 'a null document'),
    (2, 'null', '', 'JSON null as document'),
    (3, '{"type": "TaskCreated", "payload": {}}', '', 'an object as document'),
    (4, '"TaskCreated"', '', 'a string as document'),
    (5, '[]', '', 'an empty array'),
    (6, '[1]', '[0]', 'a number as event'),
    (7, '[{"type": "a", "payload": {}}, null]', '[1]', 'JSON null as event'),
    (8, '[{"type": "a", "payload": {}}, []]', '[1]', 'an array as event'),
    (9, '[{}]', '[0].type', 'an empty object as event'),
    (
        10, '[{"type": "a", "payload": {}, "event": 1}]', '[0]',
        'an unknown key'
    ),
    (11, '[{"type": null, "payload": {}}]', '[0].type', 'a null type'),
    (12, '[{"type": "", "payload": {}}]', '[0].type', 'an empty type'),
    (13, '[{"type": 1, "payload": {}}]', '[0].type', 'a number as type'),
    (
        14,
        jsonb_build_array(
            '{"type": "a", "payload": {}}'::jsonb,
            jsonb_build_object('type', repeat('x', 101), 'payload', '{}'::jsonb)
        )::text,
        '[1].type', 'a type of 101 characters'
    ),
    (15, '[{"type": "a"}]', '[0].payload', 'a missing payload'),
    (16, '[{"type": "a", "payload": null}]', '[0].payload', 'a null payload'),
    (17, '[{"type": "a", "payload": [1]}]', '[0].payload', 'an array as payload'),
    (18, '[{"type": "a", "payload": "b"}]', '[0].payload', 'a string as payload'),
    (
        19, '[{"type": "a", "payload": {}, "metadata": 1}]', '[0].metadata',
        'a number as metadata'
    ),
    (
        20, '[{"type": "a", "payload": {}, "metadata": []}]', '[0].metadata',
        'an array as metadata'
    ),
    (
        21, '[{"type": "a", "payload": {}, "event_id": 1}]', '[0].event_id',
        'a number as event_id'
    ),
    (
        22, '[{"type": "a", "payload": {}, "event_id": ""}]', '[0].event_id',
        'an empty event_id'
    ),
    (
        23,
        '[
            {"type": "a", "payload": {}}, {"type": "a", "payload": {}},
            {"type": "a", "payload": {}, "event_id": "not a uuid"}
        ]',
        '[2].event_id', 'a text that is no UUID as event_id'
    ),
    (
        24,
        '[
            {"type": "a", "payload": {}}, {"type": "a", "payload": 1},
            {"type": "", "payload": {}}
        ]',
        '[1].payload', 'the first of several bad events'
    ),
    (
        25, pg_temp.noted(91, 92, 91)::text, '',
        'an event_id that stands twice'
    ),
    (
        26,
        '[
            {
                "type": "a", "payload": {},
                "event_id": "01900000-0000-7000-9000-0000000000ab"
            },
            {
                "type": "a", "payload": {},
                "event_id": "0190000000007000900000000000-00AB"
            }
        ]',
        '', 'an event_id that stands twice in two forms'
    )
) as c (number, events, path, description)
cross join unnest(array[0, null]) as e (expected)
order by c.number, e.expected;
select is(
    pg_temp.refused_argument(
        'select evident.append_events(null, pg_temp.noted(91), ' || expected || ')'
    ),
    'p_aggregate_id',
    'a null aggregate is refused with expected version ' || expected
)
from unnest(array['0', '1', '-1', 'null']) as e (expected);
select is(
    pg_temp.refused_argument(format(
        'select evident.append_events(%L, pg_temp.noted(91), %s)',
        pg_temp.task(9), expected
    )),
    'p_expected_version',
    format('the expected version %s is refused', expected)
)
from unnest(array[-2, -2147483648]) as e (expected);
select is(
    pg_temp.refused_argument(format(
        'select evident.append_events(%L, array_to_json(array_fill(%L::json, '
        'array[10001]))::jsonb)',
        pg_temp.task(9), '{"type": "a", "payload": {}}'
    )),
    'p_events',
    'more than 10000 events are refused'
);

reset role;

select is(
    (select count(*) from evident.event_store),
    :before::bigint,
    'a refused append stores nothing'
);

set local role evident_writer;

select is(
    evident.append_events(
        pg_temp.task(9),
        array_to_json(
            array_fill('{"type": "a", "payload": {}}'::json, array[10000])
        )::jsonb,
        0
    ),
    10000::bigint,
    '10000 events are appended by one call'
);

reset role;

select is(
    (
        select array[min(e.version), max(e.version), count(distinct e.version)]
        from evident.event_store as e
        where e.aggregate_id = pg_temp.task(9)
    ),
    array[1, 10000, 10000]::bigint[],
    'the versions of one call have no gap'
);

reset role;
select is(
    pg_temp.refusal($$ select evident.append_events(
        '00000000-0000-0000-0000-000000000000', '[]'
    ) $$) ->> 'code',
    'PT403',
    'the store''s own stream is closed'
);
alter sequence evident.event_store_id_seq increment -1;
select is(
    pg_temp.refusal($$ select evident.append_events(
        gen_random_uuid(), '[{"type": "TaskNoted", "payload": {}}]'
    ) $$) ->> 'code',
    'PT500',
    'an append is refused while the sequence descends'
);

select * from finish();
rollback;
