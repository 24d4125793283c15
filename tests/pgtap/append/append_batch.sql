-- The isolation levels first: each is set by the first statement of a transaction,
-- and what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
set local role evident_writer;
select pg_temp.refused_argument($$ select * from evident.append_batch(
    jsonb_build_array(pg_temp.entry(1, 0), pg_temp.entry(2, 0, pg_temp.noted(null)))
) $$) as repeatable_read \gset
select version as repeatable_read_version
from evident.append_batch(
    jsonb_build_array(pg_temp.entry(2, null, pg_temp.noted(null)))
) \gset
rollback;

begin isolation level serializable;
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
set local role evident_writer;
select pg_temp.refused_argument($$ select * from evident.append_batch(
    jsonb_build_array(pg_temp.entry(1, 0), pg_temp.entry(2, 0, pg_temp.noted(null)))
) $$) as serializable \gset
select version as serializable_version
from evident.append_batch(
    jsonb_build_array(pg_temp.entry(2, null, pg_temp.noted(null)))
) \gset
rollback;

begin;
select plan(111);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

-- Who may call it.

select is(
    pg_temp.permitted($$ select * from evident.append_batch('[]') $$),
    array['evident_writer'],
    'only a writer may append a batch'
);

-- Two ways lead through a batch: one statement when each entry names an exact
-- version, entry after entry when one does not. Most tests try both, the second
-- by an entry for an aggregate of its own with the expected version null.

create function pg_temp.queued(p_appends jsonb)
returns jsonb
language sql
immutable
return p_appends || jsonb_build_array(
    pg_temp.entry(999, null, '[{"type": "TaskNoted", "payload": {}}]')
);

-- What is given for a batch, as text.
create function pg_temp.appended(p_appends jsonb)
returns text
language sql
volatile
begin atomic
    select string_agg(
        right(b.aggregate_id::text, 3)::integer || ': ' || b.version, ', '
        order by b.ordinality
    )
    from rows from (
        evident.append_batch(p_appends)
    ) with ordinality as b (aggregate_id, version, ordinality);
end;

-- The conflicts of a batch that is refused with PT409, as text.
create function pg_temp.conflicts(p_appends jsonb)
returns text
language sql
volatile
begin atomic
    select coalesce(
        (
            select string_agg(
                format(
                    '%s: %s, not %s',
                    right(c.value ->> 'aggregate_id', 3)::integer,
                    c.value ->> 'actual',
                    c.value ->> 'expected'
                ),
                ', ' order by c.ordinality
            )
            from jsonb_array_elements(r.refusal -> 'detail' -> 'conflicts')
                with ordinality as c (value, ordinality)
            where
                r.refusal ->> 'code' = 'PT409'
                and r.refusal ->> 'hint' = 'reload the aggregate and decide again'
                and (r.refusal -> 'detail') - 'conflicts' = '{}'
        ),
        r.refusal::text
    )
    from (
        select pg_temp.refusal(
            format('select * from evident.append_batch(%L)', p_appends)
        ) as refusal
    ) as r;
end;

-- Expected versions.

set local role evident_writer;

select results_eq(
    $$ select b.aggregate_id, b.version
    from evident.append_batch('[
        {
            "aggregate_id": "01900000-0000-7000-8000-000000000002",
            "expected_version": 0,
            "events": [
                {"type": "TaskCreated", "payload": {"name": "a"}},
                {"type": "TaskRenamed", "payload": {"name": "b"}}
            ]
        },
        {
            "aggregate_id": "01900000-0000-7000-8000-000000000001",
            "expected_version": 0,
            "events": [{
                "type": "TaskCreated", "payload": {},
                "metadata": {"actor": "carol"},
                "event_id": "01900000-0000-7000-9000-000000000001"
            }]
        }
    ]') as b $$,
    $$ values
    ('01900000-0000-7000-8000-000000000002'::uuid, 2::bigint),
    ('01900000-0000-7000-8000-000000000001', 1) $$,
    'a batch gives each new version in the order of its entries'
);
select is(
    pg_temp.appended(jsonb_build_array(
        pg_temp.entry(1, 1, pg_temp.noted(null)),
        pg_temp.entry(2, 2, pg_temp.noted(null, null)),
        pg_temp.entry(3, 0, pg_temp.noted(null))
    )),
    '1: 2, 2: 4, 3: 1',
    'with exact versions the events of each entry follow theirs'
);
select is(
    pg_temp.appended(jsonb_build_array(
        pg_temp.entry(4, null, pg_temp.noted(null)),
        pg_temp.entry(3, -1, pg_temp.noted(null, null)),
        pg_temp.entry(2, null, pg_temp.noted(null)),
        pg_temp.entry(1, 2, pg_temp.noted(null)),
        pg_temp.entry(5, 0, pg_temp.noted(null))
    )),
    '4: 1, 3: 3, 2: 5, 1: 3, 5: 1',
    'every kind of expected version may stand in one batch'
);
select is(
    pg_temp.appended('[
        {
            "aggregate_id": "01900000-0000-7000-8000-000000000005",
            "expected_version": null,
            "events": [{"type": "TaskNoted", "payload": {}, "event_id": null}]
        }
    ]'),
    '5: 2',
    'an expected version that is JSON null is none'
);
select is(
    pg_temp.appended('[]'),
    null,
    'an empty batch appends nothing'
);

-- Now 1 is at 3, 2 at 5, 3 at 3, 4 at 1, 5 at 2.

select is(
    pg_temp.conflicts(c.appends),
    c.conflicts,
    c.description
)
from (
    values
    (
        1,
        jsonb_build_array(pg_temp.entry(1, 2, pg_temp.noted(null))),
        '1: 3, not 2',
        'a stale version is refused'
    ),
    (
        2,
        jsonb_build_array(pg_temp.entry(1, 0, pg_temp.noted(null, null, null, null))),
        '1: 3, not 0',
        'with 0 an aggregate that exists is refused, also by a longer entry'
    ),
    (
        3,
        jsonb_build_array(pg_temp.entry(1, 4, pg_temp.noted(null))),
        '1: 3, not 4',
        'a version above the newest is refused, so that no gap arises'
    ),
    (
        4,
        jsonb_build_array(pg_temp.entry(9, 1, pg_temp.noted(null))),
        '9: 0, not 1',
        'a version of an aggregate that does not exist is refused'
    ),
    (
        5,
        jsonb_build_array(pg_temp.entry(9, 2147483647, pg_temp.noted(null))),
        '9: 0, not 2147483647',
        'the greatest integer is a version like any other'
    ),
    (
        6,
        jsonb_build_array(
            pg_temp.entry(5, 1, pg_temp.noted(null)),
            pg_temp.entry(1, 3, pg_temp.noted(null)),
            pg_temp.entry(4, 7, pg_temp.noted(null)),
            pg_temp.entry(2, 0, pg_temp.noted(null, null, null, null, null, null)),
            pg_temp.entry(3, 2, pg_temp.noted(null, null))
        ),
        '5: 2, not 1, 4: 1, not 7, 2: 5, not 0, 3: 3, not 2',
        'all conflicts are reported at once, in the order of the entries'
    ),
    (
        7,
        pg_temp.queued(jsonb_build_array(
            pg_temp.entry(5, 1, pg_temp.noted(null)),
            pg_temp.entry(1, 3, pg_temp.noted(null)),
            pg_temp.entry(4, 7, pg_temp.noted(null)),
            pg_temp.entry(2, 0, pg_temp.noted(null, null, null, null, null, null)),
            pg_temp.entry(3, 2, pg_temp.noted(null, null))
        )),
        '5: 2, not 1, 4: 1, not 7, 2: 5, not 0, 3: 3, not 2',
        'all conflicts are reported at once beside an entry without a version'
    ),
    (
        8,
        jsonb_build_array(
            pg_temp.entry(5, 1),
            pg_temp.entry(1, 3, pg_temp.noted(null)),
            pg_temp.entry(4, 7, pg_temp.noted(null)),
            pg_temp.entry(2, 5),
            pg_temp.entry(3, 0)
        ),
        '5: 2, not 1, 4: 1, not 7, 3: 3, not 0',
        'all conflicts are reported at once, those of entries without events too'
    ),
    (
        9,
        jsonb_build_array(
            pg_temp.entry(9, -1, pg_temp.noted(null)),
            pg_temp.entry(1, 2, pg_temp.noted(null))
        ),
        '9: 0, not -1, 1: 3, not 2',
        'an aggregate that must exist is a conflict beside others'
    )
) as c (number, appends, conflicts, description)
order by c.number;
select is(
    pg_temp.refusal(format(
        'select * from evident.append_batch(%L)',
        jsonb_build_array(
            pg_temp.entry(5, 1, pg_temp.noted(null)),
            pg_temp.entry(4, 7, pg_temp.noted(null))
        )
    )) ->> 'message',
    'aggregate 01900000-0000-7000-8000-000000000005 is at version 2, '
    'expected 1',
    'the message names the first conflict'
);
select is(
    pg_temp.refusal(format('select * from evident.append_batch(%L)', c.appends))
    - 'hint',
    '{
        "code": "PT404",
        "message": "aggregate 01900000-0000-7000-8000-000000000009 does not exist",
        "detail": {
            "name": "01900000-0000-7000-8000-000000000009",
            "conflicts": [
                {
                    "aggregate_id": "01900000-0000-7000-8000-000000000009",
                    "expected": -1,
                    "actual": 0
                },
                {
                    "aggregate_id": "01900000-0000-7000-8000-000000000008",
                    "expected": -1,
                    "actual": 0
                }
            ]
        }
    }'::jsonb,
    c.description
)
from (
    values
    (
        1,
        jsonb_build_array(
            pg_temp.entry(9, -1, pg_temp.noted(null)),
            pg_temp.entry(1, 3, pg_temp.noted(null)),
            pg_temp.entry(8, -1, pg_temp.noted(null))
        ),
        'a batch is refused when aggregates that must exist do not'
    ),
    (
        2,
        jsonb_build_array(
            pg_temp.entry(9, -1),
            pg_temp.entry(1, -1, pg_temp.noted(null)),
            pg_temp.entry(8, -1)
        ),
        'entries without events are refused when their aggregates do not exist'
    )
) as c (number, appends, description)
order by c.number;

-- Entries without events.

select is(
    pg_temp.appended(jsonb_build_array(
        pg_temp.entry(9, 0),
        pg_temp.entry(1, 3),
        pg_temp.entry(2, -1),
        pg_temp.entry(3, 3, '[]'),
        pg_temp.entry(5, 2, 'null'),
        pg_temp.entry(4, 1, pg_temp.noted(null))
    )),
    '9: 0, 1: 3, 2: 5, 3: 3, 5: 2, 4: 2',
    'an entry without events appends nothing and gives the version it found'
);
select is(
    pg_temp.appended(jsonb_build_array(pg_temp.entry(1, 3))),
    '1: 3',
    'a batch may consist of a check alone'
);
select is(
    pg_temp.conflicts(jsonb_build_array(
        pg_temp.entry(4, 2, pg_temp.noted(null)),
        pg_temp.entry(9, 0, pg_temp.noted(null)),
        pg_temp.entry(1, 2)
    )),
    '1: 3, not 2',
    'an entry without events keeps the others out when its version is not met'
);

-- Isolation levels.

select is(
    array[:'repeatable_read'::text, :'serializable'::text],
    array['transaction_isolation', 'transaction_isolation'],
    'a check needs READ COMMITTED, since any other snapshot may be too old'
);
select is(
    array[:repeatable_read_version, :serializable_version],
    array[1, 1],
    'REPEATABLE READ and SERIALIZABLE will do for appends'
);

-- What is stored.

reset role;

select results_eq(
    $$ select
        right(e.aggregate_id::text, 1), count(*), max(e.version),
        count(distinct e.version)
    from evident.event_store as e
    where e.aggregate_id between pg_temp.task(1) and pg_temp.task(999)
    group by e.aggregate_id
    order by e.aggregate_id $$,
    $$ values
    ('1', 3::bigint, 3, 3::bigint),
    ('2', 5, 5, 5),
    ('3', 3, 3, 3),
    ('4', 2, 2, 2),
    ('5', 2, 2, 2) $$,
    'what was accepted is stored, and nothing of what was refused'
);
select results_eq(
    $$ select e.event_type, e.payload
    from evident.event_store as e
    where e.aggregate_id = pg_temp.task(2) and e.version <= 2
    order by e.version $$,
    $$ values
    ('TaskCreated', '{"name": "a"}'::jsonb),
    ('TaskRenamed', '{"name": "b"}') $$,
    'types and payloads are stored in the order of the document'
);
select results_eq(
    $$ select
        e.metadata,
        e.event_id = '01900000-0000-7000-9000-000000000001',
        substring(e.event_id::text from 15 for 1)
    from evident.event_store as e
    where e.aggregate_id = pg_temp.task(1)
    order by e.version $$,
    $$ values
    ('{"actor": "carol"}'::jsonb, true, '7'),
    ('{}', false, '7'),
    ('{}', false, '7') $$,
    'metadata and event_id are stored as given, or as their defaults'
);
select is(
    (
        select array_agg(distinct e.recorded_by)
        from evident.event_store as e
        where e.aggregate_id in (pg_temp.task(1), pg_temp.task(4))
    ),
    array[session_user::text],
    'recorded_by is who logged in, not the role that was set'
);
select is_empty(
    $$ select e.id
    from (
        select
            n.id,
            n.id > lag(n.id) over (
                partition by n.aggregate_id order by n.version
            ) as is_later
        from evident.event_store as n
    ) as e
    where not e.is_later $$,
    'within an aggregate the order of versions is the order of ids'
);

create or replace function evident._now()
returns timestamptz
language sql
volatile
parallel safe
begin atomic
    select timestamptz '2001-02-03 04:05:06.789+00';
end;

select pg_temp.appended(jsonb_build_array(
    pg_temp.entry(6, 0, pg_temp.noted(null)), pg_temp.entry(7, 0, pg_temp.noted(null))
));
select pg_temp.appended(jsonb_build_array(
    pg_temp.entry(6, null, pg_temp.noted(null)), pg_temp.entry(7, 1)
));

select is(
    (
        select array_agg(distinct e.occurred_at)
        from evident.event_store as e
        where e.aggregate_id in (pg_temp.task(6), pg_temp.task(7))
    ),
    array[timestamptz '2001-02-03 04:05:06.789+00'],
    'occurred_at is what evident._now says'
);

-- Repeated entries.

set local role evident_writer;

select pg_temp.appended(jsonb_build_array(
    pg_temp.entry(11, 0, pg_temp.noted(111, 112)),
    pg_temp.entry(12, 0, pg_temp.noted(121))
));

select is(
    pg_temp.appended(jsonb_build_array(
        pg_temp.entry(11, 0, pg_temp.noted(111, 112)),
        pg_temp.entry(12, 0, pg_temp.noted(121))
    )),
    '11: 2, 12: 1',
    'a repeated batch gives the versions of the first time'
);

select pg_temp.appended(jsonb_build_array(
    pg_temp.entry(11, 2, pg_temp.noted(null)),
    pg_temp.entry(12, 1, pg_temp.noted(null, null))
));

select is(
    pg_temp.appended(jsonb_build_array(
        pg_temp.entry(11, 0, pg_temp.noted(111, 112)),
        pg_temp.entry(12, 0, pg_temp.noted(121))
    )),
    '11: 2, 12: 1',
    'a repeated batch gives the first versions when the aggregates have moved on'
);
select is(
    pg_temp.appended(jsonb_build_array(
        pg_temp.entry(12, expected, pg_temp.noted(121)),
        pg_temp.entry(11, expected, pg_temp.noted(111, 112))
    )),
    '12: 1, 11: 2',
    format(
        'repeated entries with expected version %s give the first versions',
        coalesce(expected::text, 'null')
    )
)
from unnest(array[0, 1, 2, 3, 9, -1, null]) as e (expected);

reset role;

select is(
    array[pg_temp.stored(11), pg_temp.stored(12)],
    array[3, 3]::bigint[],
    'a repeated batch stores nothing'
);

set local role evident_writer;

select is(
    pg_temp.appended(jsonb_build_array(
        pg_temp.entry(13, 0, pg_temp.noted(131, 132)),
        pg_temp.entry(11, 0, pg_temp.noted(111, 112)),
        pg_temp.entry(14, 0, pg_temp.noted(141))
    )),
    '13: 2, 11: 2, 14: 1',
    'a repeated entry gives its first version beside new entries'
);
select is(
    pg_temp.appended(jsonb_build_array(
        pg_temp.entry(15, null, pg_temp.noted(151, 152)),
        pg_temp.entry(11, 0, pg_temp.noted(111, 112)),
        pg_temp.entry(12, null, pg_temp.noted(121)),
        pg_temp.entry(14, 1, pg_temp.noted(142))
    )),
    '15: 2, 11: 2, 12: 1, 14: 2',
    'a repeated entry gives its first version beside entries of every kind'
);
select is(
    pg_temp.appended(jsonb_build_array(
        pg_temp.entry(11, 0, pg_temp.noted(111, 112)), pg_temp.entry(12, 3)
    )),
    '11: 2, 12: 3',
    'a repeated entry gives its first version beside a check'
);
select is(
    pg_temp.conflicts(jsonb_build_array(
        pg_temp.entry(11, 0, pg_temp.noted(111, 112)),
        pg_temp.entry(12, 0, pg_temp.noted(122)),
        pg_temp.entry(16, 0, pg_temp.noted(161))
    )),
    '12: 3, not 0',
    'a repeated entry is no conflict beside one that is'
);
select is(
    pg_temp.appended(jsonb_build_array(
        pg_temp.entry(
            12, 0, jsonb_set(pg_temp.noted(121), '{0,metadata}', '{"actor": "dave"}')
        )
    )),
    '12: 1',
    'other metadata is the same request'
);

reset role;

select is(
    array[
        pg_temp.stored(11), pg_temp.stored(12), pg_temp.stored(13),
        pg_temp.stored(14), pg_temp.stored(15), pg_temp.stored(16)
    ],
    array[3, 3, 2, 2, 2, 0]::bigint[],
    'repeated entries store nothing, and the new ones beside them everything'
);

-- event_ids used for something else. Now 11 is 111, 112, null and 12 is 121, null,
-- null.

select count(*) as before from evident.event_store \gset
set local role evident_writer;

select is(
    pg_temp.refusal(format(
        'select * from evident.append_batch(%L)',
        case when w.is_queued then pg_temp.queued(c.appends) else c.appends end
    )) -> 'detail',
    jsonb_build_object(
        'event_id', pg_temp.event_id(c.refused),
        'aggregate_id', pg_temp.task(c.refused / 10),
        'version', c.refused % 10
    ),
    c.description || ' is refused' || case
        when w.is_queued then ' beside an entry without a version' else ''
    end
)
from (
    values
    (
        1,
        jsonb_build_array(
            pg_temp.entry(17, 0, pg_temp.noted(171)),
            pg_temp.entry(
                11, 0, jsonb_set(pg_temp.noted(111, 112), '{1,type}', '"TaskDone"')
            )
        ),
        112, 'an entry with another type of one event'
    ),
    (
        2,
        jsonb_build_array(
            pg_temp.entry(
                11, 0, jsonb_set(pg_temp.noted(111, 112), '{0,payload}', '{}')
            ),
            pg_temp.entry(17, 0, pg_temp.noted(171))
        ),
        111, 'an entry with another payload of one event'
    ),
    (
        3,
        jsonb_build_array(
            pg_temp.entry(12, 3, pg_temp.noted(111, 112)),
            pg_temp.entry(11, 3, pg_temp.noted(113))
        ),
        111, 'an entry that is stored in another aggregate'
    ),
    (
        4,
        jsonb_build_array(pg_temp.entry(11, 3, pg_temp.noted(113, 112))),
        112, 'an entry whose last event is stored'
    ),
    (
        5,
        jsonb_build_array(pg_temp.entry(11, 0, pg_temp.noted(111, 112, 113))),
        111, 'an entry whose last event is new'
    ),
    (
        6,
        jsonb_build_array(pg_temp.entry(11, 3, pg_temp.noted(111, null))),
        111, 'a stored event followed by one without an event_id'
    ),
    (
        7,
        jsonb_build_array(pg_temp.entry(11, 3, pg_temp.noted(null, 111))),
        111, 'a stored event that follows one without an event_id'
    ),
    (
        8,
        jsonb_build_array(pg_temp.entry(11, 0, pg_temp.noted(112, 111))),
        112, 'an entry in another order'
    ),
    (
        9,
        jsonb_build_array(
            pg_temp.entry(12, 3, pg_temp.noted(122, 112, 123)),
            pg_temp.entry(17, 0, pg_temp.noted(171))
        ),
        112, 'an entry with an event of another aggregate in its middle'
    )
) as c (number, appends, refused, description)
cross join unnest(array[false, true]) as w (is_queued)
order by c.number, w.is_queued;
select is(
    pg_temp.refusal(format(
        'select * from evident.append_batch(%L)',
        jsonb_build_array(pg_temp.entry(12, 3, pg_temp.noted(111)))
    )) - 'detail',
    jsonb_build_object(
        'code', 'PT422',
        'message',
        'event_id 01900000-0000-7000-9000-000000000111 is already stored '
        'with other content',
        'hint', 'repeat the very same append, or give new events new event_ids'
    ),
    'the refusal of an event_id says which and what to do'
);

-- Invalid arguments.

select is(
    pg_temp.refused_argument(
        format('select * from evident.append_batch(%L)', c.appends)
    ),
    'p_appends' || c.path,
    c.description || ' is refused'
)
from (
    values
    (1, null, '', 'a null document'),
    (2, 'null', '', 'JSON null as document'),
    (3, '{}', '', 'an object as document'),
    (4, '1', '', 'a number as document'),
    (5, '[1]', '[0]', 'a number as entry'),
    (6, '[null]', '[0]', 'JSON null as entry'),
    (7, '[[]]', '[0]', 'an array as entry'),
    (8, '[{}]', '[0].aggregate_id', 'an empty object as entry'),
    (
        9, '[{"aggregate_id": null, "expected_version": 0}]', '[0].aggregate_id',
        'a null aggregate'
    ),
    (
        10, '[{"aggregate_id": "x", "expected_version": 0}]', '[0].aggregate_id',
        'an aggregate that is no UUID'
    ),
    (
        11, '[{"aggregate_id": 1, "expected_version": 0}]', '[0].aggregate_id',
        'a number as aggregate'
    ),
    (
        12,
        jsonb_build_array(pg_temp.entry(21, 0) || '{"expectedVersion": 1}')::text,
        '[0]', 'an unknown key of an entry'
    ),
    (
        13,
        jsonb_build_array(
            pg_temp.entry(21, 0), pg_temp.entry(22, null, pg_temp.noted(null)),
            pg_temp.entry(23, null)
        )::text,
        '[2]', 'an entry with neither events nor an expected version'
    ),
    (
        14, jsonb_build_array(pg_temp.entry(21, null, '[]'))::text,
        '[0]', 'an entry with empty events and no expected version'
    ),
    (
        15,
        jsonb_build_array(
            pg_temp.entry(21, null, 'null') || '{"expected_version": null}'
        )::text,
        '[0]', 'an entry with null events and a null expected version'
    ),
    (
        16, jsonb_build_array(pg_temp.entry(21, 0, '{}'))::text,
        '[0].events', 'an object as events'
    ),
    (
        17, jsonb_build_array(pg_temp.entry(21, 0, '"a"'))::text,
        '[0].events', 'a string as events'
    ),
    (
        18, jsonb_build_array(pg_temp.entry(21, -2))::text,
        '[0].expected_version', 'the expected version -2'
    ),
    (
        19,
        jsonb_build_array(
            pg_temp.entry(21, 0) || '{"expected_version": 9223372036854775808}'
        )::text,
        '[0].expected_version', 'an expected version beyond a bigint'
    ),
    (
        20,
        jsonb_build_array(pg_temp.entry(21, 0) || '{"expected_version": 1.5}')::text,
        '[0].expected_version', 'a fraction as expected version'
    ),
    (
        21,
        jsonb_build_array(pg_temp.entry(21, 0) || '{"expected_version": "1"}')::text,
        '[0].expected_version', 'a string as expected version'
    ),
    (
        22,
        jsonb_build_array(pg_temp.entry(21, 0) || '{"expected_version": true}')::text,
        '[0].expected_version', 'a boolean as expected version'
    ),
    (
        23,
        jsonb_build_array(
            pg_temp.entry(21, 0, pg_temp.noted(null)), pg_temp.entry(22, 0),
            pg_temp.entry(21, 1, pg_temp.noted(null))
        )::text,
        '', 'an aggregate that stands in two entries'
    ),
    (
        24,
        jsonb_build_array(
            pg_temp.entry(21, 0) || '{
                "aggregate_id": "01900000-0000-7000-8000-0000000000ab"
            }',
            pg_temp.entry(21, 0) || '{
                "aggregate_id": "019000000000700080000000000000AB"
            }'
        )::text,
        '', 'an aggregate that stands in two entries in two forms'
    ),
    (
        25,
        jsonb_build_array(
            pg_temp.entry(21, 0, pg_temp.noted(211)),
            pg_temp.entry(22, 0, pg_temp.noted(221, 211))
        )::text,
        '', 'an event_id that stands in two entries'
    ),
    (
        26, jsonb_build_array(pg_temp.entry(21, 0, pg_temp.noted(211, 211)))::text,
        '', 'an event_id that stands twice in one entry'
    ),
    (
        27,
        jsonb_build_array(
            pg_temp.entry(21, 0, pg_temp.noted(null)), pg_temp.entry(22, 0, '[1]')
        )::text,
        '[1].events[0]', 'a number as event'
    ),
    (
        28, jsonb_build_array(pg_temp.entry(21, 0, '[{"type": "a"}]'))::text,
        '[0].events[0].payload', 'a missing payload'
    ),
    (
        29,
        jsonb_build_array(
            pg_temp.entry(21, 0, '[{"type": "", "payload": {}}]')
        )::text,
        '[0].events[0].type', 'an empty type'
    ),
    (
        30,
        jsonb_build_array(
            pg_temp.entry(21, 0),
            pg_temp.entry(
                22, 0,
                pg_temp.noted(221)
                || '[{"type": "a", "payload": {}, "metadata": "b"}]'
            )
        )::text,
        '[1].events[1].metadata', 'a string as metadata'
    ),
    (
        31,
        jsonb_build_array(pg_temp.entry(
            21, null, '[{"type": "a", "payload": {}, "event_id": "b"}]'
        ))::text,
        '[0].events[0].event_id', 'an event_id that is no UUID'
    ),
    (
        32,
        jsonb_build_array(
            pg_temp.entry(21, 0, '[{"type": "a", "payload": {}, "version": 1}]')
        )::text,
        '[0].events[0]', 'an unknown key of an event'
    ),
    (
        33,
        jsonb_build_array(
            pg_temp.entry(21, 0, pg_temp.noted(null)),
            pg_temp.entry(22, 0, '[{"type": "a", "payload": {}}, {"type": "b"}]'),
            pg_temp.entry(23, 0, '[1]')
        )::text,
        '[1].events[1].payload', 'the first of several bad events'
    ),
    (
        34,
        jsonb_build_array(
            pg_temp.entry(21, 0, pg_temp.noted(null)),
            pg_temp.entry(22, -3, pg_temp.noted(null)), 1
        )::text,
        '[1].expected_version', 'the first of several bad entries'
    )
) as c (number, appends, path, description)
order by c.number;

-- Limits.

reset role;

create function pg_temp.entries(
    p_count integer,
    p_expected_version integer,
    p_events jsonb default null
)
returns jsonb
language sql
immutable
begin atomic
    select jsonb_agg(
        pg_temp.entry(1000 + n.number, p_expected_version, p_events)
        order by n.number
    )
    from generate_series(1, p_count) as n (number);
end;

set local role evident_writer;

select is(
    pg_temp.refusal(
        format('select * from evident.append_batch(%s)', c.appends)
    ) -> 'detail',
    jsonb_build_object('argument', 'p_appends', 'reason', c.reason),
    c.description || ' are refused'
)
from (
    values
    (
        'pg_temp.entries(10001, 0, pg_temp.noted(null))',
        'more than 10000 entries', 'more than 10000 entries'
    ),
    (
        'pg_temp.entries(5001, 0, pg_temp.noted(null, null))',
        'more than 10000 events', 'more than 10000 events in all'
    ),
    (
        'pg_temp.entries(1001, null, pg_temp.noted(null))',
        'more than 1000 entries that queue for their aggregate',
        'more than 1000 entries without an expected version'
    ),
    (
        'pg_temp.entries(1001, -1, pg_temp.noted(null))',
        'more than 1000 entries that queue for their aggregate',
        'more than 1000 entries with expected version -1'
    ),
    (
        'pg_temp.entries(1000, 0, pg_temp.noted(null))
        || jsonb_build_array(pg_temp.entry(1, 3))',
        'more than 1000 entries that queue for their aggregate',
        'more than 1000 entries, one of them without events,'
    ),
    (
        'pg_temp.entries(1001, 0)',
        'more than 1000 entries that queue for their aggregate',
        'more than 1000 entries without events'
    )
) as c (appends, reason, description);

reset role;

select is(
    (select count(*) from evident.event_store),
    :before::bigint,
    'a refused batch stores nothing'
);

set local role evident_writer;

select is(
    (
        select array[count(*), min(b.version), max(b.version)]
        from evident.append_batch(
            pg_temp.entries(1000, null, pg_temp.noted(null))
        ) as b
    ),
    array[1000, 1, 1]::bigint[],
    '1000 entries without an expected version are appended by one call'
);
select is(
    (
        select array[count(*), min(b.version), max(b.version)]
        from evident.append_batch(
            pg_temp.entries(999, -1, pg_temp.noted(null))
            || jsonb_build_array(pg_temp.entry(2000, 1))
        ) as b
    ),
    array[1000, 1, 2]::bigint[],
    '1000 entries, one of them without events, are appended by one call'
);
select is(
    (
        select array[count(*), min(b.version), max(b.version)]
        from evident.append_batch((
            select jsonb_agg(pg_temp.entry(3000 + n.number, 0, pg_temp.noted(null)))
            from generate_series(1, 10000) as n (number)
        )) as b
    ),
    array[10000, 1, 1]::bigint[],
    '10000 entries with exact versions are appended by one call'
);

reset role;

reset role;
select is(
    pg_temp.refusal(format(
        'select * from evident.append_batch(%L)',
        jsonb_build_array(
            c.entry || '{"aggregate_id": "00000000-0000-0000-0000-000000000000"}'
        )
    )) ->> 'code',
    'PT403',
    'the store''s own stream is closed to ' || c.description
)
from (
    values
    ('{"expected_version": 0}'::jsonb, 'a check'),
    ('{"events": [{"type": "TaskNoted", "payload": {}}]}', 'events')
) as c (entry, description);
alter sequence evident.event_store_id_seq cycle;
select is(
    pg_temp.refusal($$ select evident.append_batch(jsonb_build_array(
        jsonb_build_object(
            'aggregate_id', gen_random_uuid(),
            'events', '[{"type": "TaskNoted", "payload": {}}]'::jsonb
        )
    )) $$) ->> 'code',
    'PT500',
    'an append is refused while the sequence cycles'
);

select * from finish();
rollback;
