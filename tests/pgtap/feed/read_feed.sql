-- The isolation levels first: each is set by the first statement of a transaction,
-- and what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
set local role evident_reader;
select pg_temp.refusal('select * from evident.read_feed()') as repeatable_read \gset
rollback;

begin isolation level serializable;
\ir ../helpers/refusal.psql
set local role evident_reader;
select pg_temp.refusal('select * from evident.read_feed()') as serializable \gset
rollback;

begin;
select plan(32);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

select is(
    c.refusal - 'message' #- '{detail,reason}',
    '{
        "code": "PT400",
        "detail": {"argument": "transaction_isolation"},
        "hint": "read the feed at READ COMMITTED"
    }'::jsonb,
    c.level || ' is refused with a hint'
)
from (
    values
    ('REPEATABLE READ', :'repeatable_read'::jsonb),
    ('SERIALIZABLE', :'serializable')
) as c (level, refusal);
select is(
    pg_temp.permitted('select * from evident.read_feed()'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may read the feed, and so may operators and auditors'
);

-- Inserted without an announcement, so that this transaction can read them; see
-- safe_position. The gap between the ids is as left by a rollback. Event n has the
-- payload {"note": n}, and its id is that of the first plus n - 1.

insert into evident.event_store (aggregate_id, version, event_type, payload)
values (pg_temp.task(1), 1, 'TaskCreated', '{"note": 1}')
returning id as first \gset

insert into evident.event_store (
    id, aggregate_id, version, event_type, payload
)
overriding system value
values
(:first + 5, pg_temp.task(1), 3, 'TaskDone', '{"note": 6}'),
(:first + 2, pg_temp.task(2), 1, 'TaskCreated', '{"note": 3}'),
(:first + 1, pg_temp.task(1), 2, 'TaskNoted', '{"note": 2}'),
(:first + 6, pg_temp.task(2), 2, 'TaskNoted', '{"note": 7}');

alter table evident.event_store alter column id restart with :first;
select max(nextval('evident.event_store_id_seq')) as head
from generate_series(1, 7) \gset

create function pg_temp.notes(
    p_after bigint,
    p_limit integer default 1000,
    p_event_types text[] default null
)
returns integer[]
language sql
volatile
begin atomic
    select array_agg((f.payload ->> 'note')::integer)
    from evident.read_feed(p_after, p_limit, p_event_types) as f;
end;

set local role evident_reader;

select is(
    pg_temp.notes(:first - 1),
    array[1, 2, 3, 6, 7],
    'all events come in the order of their ids, and a gap holds nobody up'
);
select is(
    pg_temp.notes(:first + 1),
    array[3, 6, 7],
    'events come from behind the id that is passed'
);
select is(
    pg_temp.notes(:first + 3),
    array[6, 7],
    'an id that nobody has may be passed'
);
select is(
    pg_temp.notes(:head),
    null,
    'at the end there is nothing new'
);
select is(
    pg_temp.notes(:first - 1, 2),
    array[1, 2],
    'no more than p_limit events come'
);
select is(
    pg_temp.notes(:first + 1, 2),
    array[3, 6],
    'the next page begins where the one before ended'
);
select is(
    pg_temp.notes(:first - 1, 10000),
    array[1, 2, 3, 6, 7],
    'p_limit may be 10000'
);
select is(
    pg_temp.notes(:first - 1, 1000, array['TaskCreated', 'TaskDone', 'TaskBurnt']),
    array[1, 3, 6],
    'only events of the given types come'
);
select is(
    pg_temp.notes(:first - 1, 2, array['TaskNoted', 'TaskDone']),
    array[2, 6],
    'p_limit counts the events of the given types'
);
select is(
    pg_temp.notes(:first - 1, 1000, '{}'),
    null,
    'no types at all give no events'
);
select results_eq(
    format(
        $$ select f from evident.read_feed(
            p_after => %s, p_limit => 2, p_event_types => null
        ) as f $$,
        :first - 1
    ),
    format(
        $$ select e
        from evident.event_store as e
        where e.id in (%s, %s)
        order by e.id $$,
        :first, :first + 1
    ),
    'the rows are those of the table, and each argument has its name'
);
select results_eq(
    $$ select f.id from evident.read_feed() as f $$,
    $$ select e.id from evident.event_store as e order by e.id limit 1000 $$,
    'without arguments the first 1000 events come'
);

select is(
    pg_temp.refused_argument(
        format('select * from evident.read_feed(%s)', c.arguments)
    ),
    c.argument,
    c.description || ' is refused'
)
from (
    values
    ('null', 'p_after', 'a null id'),
    ('-1', 'p_after', 'a negative id'),
    (
        (pg_sequence_last_value('evident.event_store_id_seq') + 1)::text,
        'p_after', 'an id that was never drawn'
    ),
    ('9223372036854775807', 'p_after', 'the largest id'),
    ('0, null', 'p_limit', 'a null limit'),
    ('0, 0', 'p_limit', 'the limit 0'),
    ('0, -1', 'p_limit', 'a negative limit'),
    ('0, 10001', 'p_limit', 'a limit above 10000')
) as c (arguments, argument, description);

-- Pages by bytes: {"note": 1} and {} take 13 bytes as text.

select is(
    (
        select array_agg((f.payload ->> 'note')::integer order by f.id)
        from evident.read_feed(:first - 1, p_max_bytes => c.max_bytes) as f
    ),
    c.notes,
    format('a page of %s bytes has the events %s', c.max_bytes, c.notes)
)
from (
    values
    (1, array[1]),
    (25, array[1]),
    (26, array[1, 2]),
    (39, array[1, 2, 3]),
    (1000000, array[1, 2, 3, 6, 7])
) as c (max_bytes, notes);
select is(
    pg_temp.refused_argument('select * from evident.read_feed(p_max_bytes => 0)'),
    'p_max_bytes',
    'a page of no bytes is refused'
);

-- The watermark.

reset role;
savepoint announced;
select pg_advisory_xact_lock_shared((17750::bigint << 48) | (:first + 2));
select pg_temp.notes(:first - 1) as held \gset
rollback to announced;

select is(
    :'held'::integer[],
    array[1, 2, 3],
    'no event comes that is above an announced position'
);
select is(
    pg_temp.notes(:first - 1),
    array[1, 2, 3, 6, 7],
    'the events behind an announcement come when it is gone'
);

select evident.append_event(pg_temp.task(3), 'TaskCreated', '{"note": 8}', 0);

select is(
    pg_temp.notes(:first - 1),
    array[1, 2, 3, 6, 7],
    'a transaction does not find its own appends in the feed before it commits'
);

select * from finish();
rollback;
