begin;
select plan(82);
\ir ../helpers/refusal.psql

-- Who may call it.

select is(
    pg_temp.permitted($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000001', 'TaskCreated', '{}'
    ) $$),
    array['evident_writer'],
    'only a writer may append an event'
);

-- Expected versions.

set local role evident_writer;

select is(
    evident.append_event(
        '01900000-0000-7000-8000-000000000001', 'TaskCreated', '{"name": "a"}', 0
    ),
    1::bigint,
    'with 0 the first event of an aggregate has version 1'
);
select is(
    evident.append_event(
        '01900000-0000-7000-8000-000000000001', 'TaskRenamed', '{"name": "b"}', 1
    ),
    2::bigint,
    'with the newest version the next event follows it'
);
select is(
    evident.append_event(
        '01900000-0000-7000-8000-000000000001', 'TaskRenamed', '{"name": "c"}'
    ),
    3::bigint,
    'with no expected version an event goes behind the newest'
);
select is(
    evident.append_event(
        '01900000-0000-7000-8000-000000000001', 'TaskDone', '{}', -1
    ),
    4::bigint,
    'with -1 an event goes behind the newest of an aggregate that exists'
);
select is(
    evident.append_event(
        '01900000-0000-7000-8000-000000000002', 'TaskCreated', '{}'
    ),
    1::bigint,
    'with no expected version an event may be the first'
);
select is(
    evident.append_event(
        p_aggregate_id => '01900000-0000-7000-8000-000000000002',
        p_event_type => 'TaskRenamed',
        p_payload => '{"name": "d"}',
        p_expected_version => 1,
        p_metadata => '{"actor": "carol"}',
        p_event_id => '01900000-0000-7000-9000-000000000001'
    ),
    2::bigint,
    'each argument can be passed by its name'
);

select is(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000001', 'TaskRenamed', '{}', 2
    ) $$) - 'message',
    '{
        "code": "PT409",
        "detail": {"conflicts": [{
            "aggregate_id": "01900000-0000-7000-8000-000000000001",
            "expected": 2,
            "actual": 4
        }]},
        "hint": "reload the aggregate and decide again"
    }'::jsonb,
    'a writer that has not seen the newest event is refused'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000001', 'TaskRenamed', '{}', 2
    ) $$) ->> 'message',
    'aggregate 01900000-0000-7000-8000-000000000001 is at version 4, '
    'expected 2',
    'the refusal names the aggregate, its version and the expected one'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000001', 'TaskCreated', '{}', 0
    ) $$) -> 'detail',
    '{"conflicts": [{
        "aggregate_id": "01900000-0000-7000-8000-000000000001",
        "expected": 0,
        "actual": 4
    }]}'::jsonb,
    'with 0 an aggregate that exists is refused'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000001', 'TaskRenamed', '{}', 5
    ) $$) -> 'detail',
    '{"conflicts": [{
        "aggregate_id": "01900000-0000-7000-8000-000000000001",
        "expected": 5,
        "actual": 4
    }]}'::jsonb,
    'a version above the newest is refused, so that no gap arises'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000003', 'TaskRenamed', '{}', 1
    ) $$) -> 'detail',
    '{"conflicts": [{
        "aggregate_id": "01900000-0000-7000-8000-000000000003",
        "expected": 1,
        "actual": 0
    }]}'::jsonb,
    'a version of an aggregate that does not exist is refused'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000003', 'TaskRenamed', '{}', 2147483647
    ) $$) ->> 'code',
    'PT409',
    'the greatest integer is a version like any other'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000003', 'TaskRenamed', '{}', -1
    ) $$) - 'hint',
    '{
        "code": "PT404",
        "message": "aggregate 01900000-0000-7000-8000-000000000003 does not exist",
        "detail": {
            "name": "01900000-0000-7000-8000-000000000003",
            "conflicts": [{
                "aggregate_id": "01900000-0000-7000-8000-000000000003",
                "expected": -1,
                "actual": 0
            }]
        }
    }'::jsonb,
    'with -1 an aggregate that does not exist is refused'
);
select isnt(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000003', 'TaskRenamed', '{}', -1
    ) $$) ->> 'hint',
    '',
    'the refusal of an aggregate that does not exist says what to do'
);

-- What is stored.

reset role;

select results_eq(
    $$ select e.version, e.event_type, e.payload
    from evident.event_store as e
    where e.aggregate_id = '01900000-0000-7000-8000-000000000001'
    order by e.version $$,
    $$ values
    (1, 'TaskCreated', '{"name": "a"}'::jsonb),
    (2, 'TaskRenamed', '{"name": "b"}'),
    (3, 'TaskRenamed', '{"name": "c"}'),
    (4, 'TaskDone', '{}') $$,
    'what was accepted is stored, and nothing of what was refused'
);
select is(
    (
        select jsonb_build_array(e.metadata, e.event_id)
        from evident.event_store as e
        where
            e.aggregate_id = '01900000-0000-7000-8000-000000000002'
            and e.version = 2
    ),
    '[{"actor": "carol"}, "01900000-0000-7000-9000-000000000001"]'::jsonb,
    'metadata and event_id are stored as given'
);
select is(
    (
        select e.metadata
        from evident.event_store as e
        where
            e.aggregate_id = '01900000-0000-7000-8000-000000000002'
            and e.version = 1
    ),
    '{}'::jsonb,
    'metadata is an empty object when none is given'
);
select is(
    (
        select substring(e.event_id::text from 15 for 1)
        from evident.event_store as e
        where
            e.aggregate_id = '01900000-0000-7000-8000-000000000002'
            and e.version = 1
    ),
    '7',
    'event_id is a UUID of version 7 when none is given'
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
select ok(
    (
        select bool_and(e.occurred_at > transaction_timestamp())
        from evident.event_store as e
        where e.aggregate_id = '01900000-0000-7000-8000-000000000001'
    ),
    'occurred_at is later than the start of the transaction'
);

create or replace function evident._now()
returns timestamptz
language sql
volatile
parallel safe
begin atomic
    select timestamptz '2001-02-03 04:05:06.789+00';
end;

select evident.append_event(
    '01900000-0000-7000-8000-000000000004', 'TaskCreated', '{}'
);

create or replace function evident._now()
returns timestamptz
language sql
volatile
parallel safe
begin atomic
    select timestamptz '2002-02-03 04:05:06.789+00';
end;

select evident.append_event(
    '01900000-0000-7000-8000-000000000004', 'TaskDone', '{}'
);

select results_eq(
    $$ select e.occurred_at
    from evident.event_store as e
    where e.aggregate_id = '01900000-0000-7000-8000-000000000004'
    order by e.version $$,
    $$ values
    (timestamptz '2001-02-03 04:05:06.789+00'),
    ('2002-02-03 04:05:06.789+00') $$,
    'occurred_at is what evident._now says at the moment of each event'
);

-- A repeated request. Aggregate 5 moves on to version 3 after it.

set local role evident_writer;

select evident.append_event(
    '01900000-0000-7000-8000-000000000005', 'TaskCreated',
    '{"name": "a", "size": 1}', 0, '{"actor": "carol"}',
    '01900000-0000-7000-9000-000000000005'
);

select is(
    evident.append_event(
        '01900000-0000-7000-8000-000000000005', 'TaskCreated',
        '{"name": "a", "size": 1}', 0, '{"actor": "carol"}',
        '01900000-0000-7000-9000-000000000005'
    ),
    1::bigint,
    'a repeated append gives the first version again'
);

select evident.append_event(
    '01900000-0000-7000-8000-000000000005', 'TaskRenamed', '{}', 1
);
select evident.append_event(
    '01900000-0000-7000-8000-000000000005', 'TaskRenamed', '{}', 2
);

select is(
    evident.append_event(
        '01900000-0000-7000-8000-000000000005', 'TaskCreated',
        '{"name": "a", "size": 1}', expected, '{"actor": "carol"}',
        '01900000-0000-7000-9000-000000000005'
    ),
    1::bigint,
    format(
        'a repeated append with expected version %s gives the first version',
        coalesce(expected::text, 'null')
    )
)
from unnest(array[0, 1, 2, 3, 7, -1, null]) as e (expected);

select is(
    evident.append_event(
        '01900000-0000-7000-8000-000000000005', 'TaskCreated',
        '{"size": 1.0, "name":"a"}', 0, '{}',
        '01900000-0000-7000-9000-000000000005'
    ),
    1::bigint,
    'an equal payload is the same request however it is written'
);
select is(
    evident.append_event(
        '01900000-0000-7000-8000-000000000005', 'TaskCreated',
        '{"name": "a", "size": 1}', 0, '{"actor": "dave"}',
        '01900000-0000-7000-9000-000000000005'
    ),
    1::bigint,
    'other metadata is the same request'
);

reset role;

select results_eq(
    $$ select e.version, e.metadata
    from evident.event_store as e
    where e.aggregate_id = '01900000-0000-7000-8000-000000000005'
    order by e.version $$,
    $$ values (1, '{"actor": "carol"}'::jsonb), (2, '{}'), (3, '{}') $$,
    'a repeated append stores nothing'
);

-- An event_id used for something else.

set local role evident_writer;

select is(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000005', 'TaskCreated',
        '{"name": "b", "size": 1}', 3, '{}',
        '01900000-0000-7000-9000-000000000005'
    ) $$) - 'message',
    '{
        "code": "PT422",
        "detail": {
            "event_id": "01900000-0000-7000-9000-000000000005",
            "aggregate_id": "01900000-0000-7000-8000-000000000005",
            "version": 1
        },
        "hint": "repeat the very same append, or give new events new event_ids"
    }'::jsonb,
    'an event_id with another payload is refused'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000005', 'TaskRenamed',
        '{"name": "a", "size": 1}', 3, '{}',
        '01900000-0000-7000-9000-000000000005'
    ) $$) ->> 'code',
    'PT422',
    'an event_id with another type is refused'
);
select is(
    pg_temp.refusal(format(
        $$ select evident.append_event(
            '01900000-0000-7000-8000-000000000006', 'TaskCreated',
            '{"name": "a", "size": 1}', %L, '{}',
            '01900000-0000-7000-9000-000000000005'
        ) $$,
        expected
    )) -> 'detail',
    '{
        "event_id": "01900000-0000-7000-9000-000000000005",
        "aggregate_id": "01900000-0000-7000-8000-000000000005",
        "version": 1
    }'::jsonb,
    format(
        'an event_id of another aggregate is refused with expected version %s',
        coalesce(expected::text, 'null')
    )
)
from unnest(array[0, 3, -1, null]) as e (expected);
select is(
    pg_temp.refusal(format(
        $$ select evident.append_event(
            '01900000-0000-7000-8000-000000000005', 'TaskRenamed', '{}', %L, '{}',
            '01900000-0000-7000-9000-000000000005'
        ) $$,
        expected
    )) ->> 'code',
    'PT422',
    format(
        'an event_id with other content is refused with expected version %s',
        coalesce(expected::text, 'null')
    )
)
from unnest(array[0, 1, -1, null]) as e (expected);

-- Invalid arguments.

select is(
    evident.append_event(
        '01900000-0000-7000-8000-000000000007', repeat(chr(8364), 100), '{}'
    ),
    1::bigint,
    'a type of 100 characters is accepted, whatever its bytes are'
);
select is(
    evident.append_event('01900000-0000-7000-8000-000000000007', 'x', '{}'),
    2::bigint,
    'a type of one character is accepted'
);

reset role;
select count(*) as before from evident.event_store \gset
set local role evident_writer;

select is(
    pg_temp.refused_argument(format(
        $$ select evident.append_event(%s) $$, c.arguments
    )),
    c.argument,
    c.description || ' is refused'
)
from (
    values
    (
        $$ null, 'TaskCreated', '{}', 0 $$,
        'p_aggregate_id', 'a null aggregate with 0'
    ),
    (
        $$ null, 'TaskCreated', '{}', 1 $$,
        'p_aggregate_id', 'a null aggregate with an exact version'
    ),
    (
        $$ null, 'TaskCreated', '{}', -1 $$,
        'p_aggregate_id', 'a null aggregate with -1'
    ),
    (
        $$ null, 'TaskCreated', '{}' $$,
        'p_aggregate_id', 'a null aggregate without an expected version'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', null, '{}' $$,
        'p_event_type', 'a null type'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', '', '{}', 0 $$,
        'p_event_type', 'an empty type'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', repeat('x', 101), '{}' $$,
        'p_event_type', 'a type of 101 characters'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', null, 0 $$,
        'p_payload', 'a null payload'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', 'null' $$,
        'p_payload', 'a payload that is JSON null'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', '[{}]' $$,
        'p_payload', 'a payload that is an array'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', '"a"', 0 $$,
        'p_payload', 'a payload that is a string'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', '1', 1 $$,
        'p_payload', 'a payload that is a number'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', '{}', 0, '1' $$,
        'p_metadata', 'metadata that is a number'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', '{}', 0, '[]' $$,
        'p_metadata', 'metadata that is an array'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', '{}', 0, '"a"' $$,
        'p_metadata', 'metadata that is a string'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', '{}', -2 $$,
        'p_expected_version', 'the expected version -2'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', '{}',
        -2147483648 $$,
        'p_expected_version', 'the least integer as expected version'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', '', '{}', 0, '{}',
        '01900000-0000-7000-9000-000000000008' $$,
        'p_event_type', 'an empty type with an event_id'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', '[]', 0, '{}',
        '01900000-0000-7000-9000-000000000008' $$,
        'p_payload', 'an array as payload with an event_id'
    ),
    (
        $$ '01900000-0000-7000-8000-000000000008', 'TaskCreated', '{}', 0, '[]',
        '01900000-0000-7000-9000-000000000008' $$,
        'p_metadata', 'an array as metadata with an event_id'
    )
) as c (arguments, argument, description);

select is(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-000000000008', '', '{}'
    ) $$) - 'message',
    '{
        "code": "PT400",
        "detail": {
            "argument": "p_event_type",
            "reason": "not a text of 1 to 100 characters"
        },
        "hint": "name what happened, such as OrderCreated"
    }'::jsonb,
    'the refusal of an argument says which, why and what to do'
);

reset role;

select is(
    (select count(*) from evident.event_store),
    :before::bigint,
    'a refused append stores nothing'
);

-- The store's own stream.

select is(
    pg_temp.refusal($$ select evident.append_event(
        '00000000-0000-0000-0000-000000000000', 'TaskNoted', '{}'
    ) $$) - array['message'],
    '{
        "code": "PT403",
        "detail": {
            "aggregate_id": "00000000-0000-0000-0000-000000000000",
            "reason": "the store''s own stream is closed"
        },
        "hint": "give the aggregate a UUID of its own, such as gen_random_uuid()"
    }'::jsonb,
    'the store''s own stream is closed'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        '00000000-0000-0000-0000-000000000000', '', '[]', 0
    ) $$) ->> 'code',
    'PT403',
    'the store''s own stream is closed, whatever else is wrong'
);

-- The sequence of the ids.

alter sequence evident.event_store_id_seq cache 50;

select is(
    pg_temp.refusal($$ select evident.append_event(
        '01900000-0000-7000-8000-00000000ffff', 'TaskNoted', '{}', 0
    ) $$) - array['message', 'hint'] #- '{detail,sequence}',
    '{
        "code": "PT500",
        "detail": {
            "reason": "the sequence caches, descends, jumps or cycles",
            "cache": 50,
            "increment": 1,
            "is_cycling": false
        }
    }'::jsonb,
    'an append is refused while the sequence caches'
);

alter sequence evident.event_store_id_seq cache 1;

select is(
    evident.append_event(
        '01900000-0000-7000-8000-00000000ffff', 'TaskNoted', '{}', 0
    ),
    1::bigint,
    'an append goes on when it caches no more'
);

-- The last version there is, in an aggregate that an owner brought there.

set local session_replication_role = replica;
insert into evident.event_store (
    aggregate_id, version, event_type, payload
)
values ('01900000-0000-7000-8000-0000000f0000', 2147483646, 'TaskNoted', '{}');
set local session_replication_role = origin;
select is(
    evident.append_event(
        '01900000-0000-7000-8000-0000000f0000', 'TaskNoted', '{}', 2147483646
    ),
    2147483647::bigint,
    'version 2147483647 is the last that is given'
);
select is(
    pg_temp.refusal(format(c.call, '01900000-0000-7000-8000-0000000f0000'))
    #> '{detail,argument}',
    '"aggregate_id"'::jsonb,
    'behind version 2147483647 nothing is appended ' || c.description
)
from (
    values
    (
        $$ select evident.append_event('%s', 'TaskNoted', '{}', 2147483647) $$,
        'with that version'
    ),
    (
        $$ select evident.append_event('%s', 'TaskNoted', '{}') $$,
        'with any version'
    ),
    (
        $$ select evident.append_event(
            '%s', 'TaskNoted', '{}', -1, null, gen_random_uuid()
        ) $$,
        'with -1 and an event_id'
    ),
    (
        $$ select evident.append_events(
            '%s', '[{"type": "a", "payload": {}}, {"type": "b", "payload": {}}]', null
        ) $$,
        'by append_events'
    ),
    (
        $$ select evident.append_batch(jsonb_build_array(jsonb_build_object(
            'aggregate_id', '%s', 'expected_version', 2147483647,
            'events', '[{"type": "a", "payload": {}}]'::jsonb
        ))) $$,
        'by append_batch'
    )
) as c (call, description);
select is(
    pg_temp.refusal(format(
        $$ select evident.append_event(
            '01900000-0000-7000-8000-0000000f0000', 'TaskNoted', '{}', %s
        ) $$, c.expected
    )) #> '{detail,conflicts,0,actual}',
    '2147483647'::jsonb,
    format('nothing is at version %s', c.expected)
)
from (values (2147483648), (9223372036854775807)) as c (expected);

select is(
    evident.append_event(
        '01900000-0000-7000-8000-0000000f0001', 'TaskNoted', '{}', c.expected, null
    ),
    c.expected + 1,
    format('null metadata is taken with expected version %s', c.expected)
)
from (values (0::bigint), (1::bigint)) as c (expected);
select is(
    (
        select array_agg(e.metadata)
        from evident.event_store as e
        where e.aggregate_id = '01900000-0000-7000-8000-0000000f0001'
    ),
    '{"{}", "{}"}'::jsonb [],
    'null metadata is an empty object'
);

select * from finish();
rollback;
