begin;
select plan(23);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    pg_temp.permitted('select * from evident.repair_sequences()'), '{}',
    'none of the roles that people have may call it'
);

select pg_temp.keep('note');
select pg_temp.register('label', 'async');
select pg_temp.note(1, '1', '["red"]'), pg_temp.note(1, '2', '["red"]');
select evident.run_projection('probe.label');
create temporary table before as
select coalesce(max(e.id), 0) as newest from evident.event_store as e;
grant select on before to evident_owner;

set local role evident_owner;
select set_eq(
    'select r.sequence from evident.repair_sequences() as r where r.was = r.now',
    array[
        'evident.event_store_id_seq', 'evident.consumer_decision_number_seq',
        'evident.consumer_epoch_seq', 'evident.consumer_number_seq',
        'evident.ledger_publication_number_seq', 'evident.projection_number_seq'
    ],
    'all sequences are told, and stay where they are right'
);
reset role;
select is(
    (select max(e.id) from evident.event_store as e), b.newest,
    'and nothing is appended'
)
from before as b;

-- What the worker of a subscription leaves: rows with their ids, and no trigger.

set local session_replication_role = replica;
insert into evident.event_store (id, aggregate_id, version, event_type, payload)
overriding system value
select
    b.newest + n.number, pg_temp.task(1), 2 + n.number, 'Noted',
    '{"note": 7, "labels": ["red"]}'
from before as b
cross join generate_series(1, 20) as n (number);
insert into evident.consumer (name, partitions)
values ('relay', 1);
insert into evident.consumer_partition (consumer, partition, number, epoch)
values ('relay', 0, 1000040, 2000041);
set local session_replication_role = origin;

select is(
    pg_temp.refusal(c.call)::jsonb - 'message',
    jsonb_build_object(
        'code', 'PT500',
        'hint', 'as a member of evident_owner: '
            'select * from evident.repair_sequences()',
        'detail', jsonb_build_object(
            'reason', 'the sequence is behind its rows',
            'sequence', 'evident.event_store_id_seq',
            'last_value', b.newest,
            'newest', b.newest + 20
        )
    ),
    'it is seen by ' || c.call
)
from before as b
cross join (
    values
    ('select evident._refuse_behind()'),
    ($$ select evident.append_events(
        gen_random_uuid(), '[{"type": "Noted", "payload": {}}]'
    ) $$),
    ($$ select evident.append_batch(jsonb_build_array(jsonb_build_object(
        'aggregate_id', gen_random_uuid(),
        'events', '[{"type": "Noted", "payload": {}}]'::jsonb
    ))) $$)
) as c (call);
select is(
    pg_temp.refusal(format(
        'select evident.append_event(%L, %L, %L, %s)', gen_random_uuid(), 'Noted',
        '{}', c.expected
    ))::jsonb ->> 'code',
    'PT500', 'nothing is appended with expected version ' || c.expected
)
from (values ('0'), ('null')) as c (expected);

select results_eq(
    'select r.sequence, r.was, r.now from evident.repair_sequences() as r
    where r.now > r.was',
    format(
        $$ values
        ('evident.event_store_id_seq', %1$s::bigint, %1$s::bigint + 20),
        ('evident.consumer_epoch_seq', %2$s, 3000041),
        ('evident.consumer_number_seq', %3$s, 1000040) $$,
        b.newest,
        coalesce(pg_sequence_last_value('evident.consumer_epoch_seq'::regclass), 0),
        coalesce(pg_sequence_last_value('evident.consumer_number_seq'::regclass), 0)
    ),
    'each sequence goes to its newest row, that of fencing tokens well beyond'
)
from before as b;
select is(
    pg_temp.refusal('select evident._refuse_behind()'), null, 'the feed goes on'
);
select is(
    (
        select (e.payload -> 'projections') ? 'probe.note'
        from evident.event_store as e
        where
            e.event_type = 'SequencesRepaired'
            and e.aggregate_id = '00000000-0000-0000-0000-000000000000'
    ),
    true,
    'the store''s own stream tells of it, and of the projections'
);
select results_eq(
    $$ select p.name, p.state, p.position = 0, p.definition is null
    from evident.projection as p
    where p.name ~ '^probe' order by p.name $$,
    $$ values
    ('probe.label', 'running', false, false),
    ('probe.note', 'catching_up', true, true) $$,
    'nothing is claimed of rows that appends kept; a checkpoint below stays'
);
select is(
    pg_temp.refused_argument('select evident.rebuild_projection($$probe.note$$, 0, 2)'),
    'p_slices',
    'a slice would take away what is there'
);
select is(
    evident.run_projection('probe.note') + evident.run_projection('probe.label') > 0,
    true, 'the next runs find what is missing'
);
select results_eq(
    $$ select p.name, p.state, p.definition is null
    from evident.projection as p
    where p.name ~ '^probe' order by p.name $$,
    $$ values ('probe.label', 'running', false), ('probe.note', 'running', false) $$,
    'then both go on'
);
select is_empty(
    format('select * from evident.verify_projection(%L)', c.name),
    'no event is missing, and none was folded twice, in ' || c.name
)
from (values ('probe.note'), ('probe.label')) as c (name);
select pg_temp.note(1, '9', '["red"]');
select is_empty(
    $$ select * from evident.verify_projection('probe.note') $$,
    'appends keep it again'
);

-- A sequence that was restarted gives no last value.

select is(evident.append_event(pg_temp.task(9), 'Noted', '{"note": 1}', 0), 1::bigint);
select setval(
    'evident.event_store_id_seq', (select max(d.id) + 1000 from evident._drawn as d),
    false
);
select is(
    pg_temp.refusal('select evident._refuse_behind()')::jsonb ->> 'code', 'PT500',
    'a sequence that is to start anew is behind'
);
select r.now
from evident.repair_sequences() as r
where r.sequence = 'evident.event_store_id_seq' \gset
select is(
    (select max(e.id) from evident.event_store as e), :now::bigint + 1,
    'it starts where it was to, with the event about it'
);
select is(
    (select p.state from evident.projection as p where p.name = 'probe.note'),
    'running', 'which no event has missed'
);

-- Events that a consumer has claimed, and that are not here.

update evident.consumer_partition as p
set claimed_until = pg_sequence_last_value('evident.event_store_id_seq'::regclass) + 7
where p.consumer = 'relay'
returning p.claimed_until as claimed \gset
select is(
    (
        select r.now
        from evident.repair_sequences() as r
        where r.sequence = 'evident.event_store_id_seq'
    ),
    :claimed::bigint,
    'no id comes again that a consumer has claimed'
);

select * from finish();
rollback;
