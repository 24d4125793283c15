-- The isolation levels first: each is set by the first statement of a transaction,
-- and what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
set local role evident_reader;
select pg_temp.refused_argument(
    $$ select evident.wait_for_projection('probe.nobody') $$
) as repeatable_read \gset
rollback;

begin isolation level serializable;
\ir ../helpers/refusal.psql
set local role evident_reader;
select pg_temp.refused_argument(
    $$ select evident.wait_for_projection('probe.nobody') $$
) as serializable \gset
rollback;

begin;
select plan(19);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(c.refused, 'transaction_isolation', c.level || ' is refused')
from (
    values
    ('REPEATABLE READ', :'repeatable_read'), ('SERIALIZABLE', :'serializable')
) as c (level, refused);
select is(
    pg_temp.permitted($$ select evident.wait_for_projection('probe.nobody') $$),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may wait, and so may operators and auditors'
);

set local role evident_reader;
select is(
    pg_temp.refusal('select evident.wait_for_projection(' || c.argument || ')')
    - array['message', 'hint'],
    jsonb_build_object(
        'code', 'PT404', 'detail', jsonb_build_object('name', c.name)
    ),
    c.description || ' is refused'
)
from (
    values
    ('''probe.nobody''', 'probe.nobody', 'a name that nobody has'),
    ('null', null, 'no name')
) as c (argument, name, description);
reset role;

select pg_temp.keep('note');
select pg_temp.register('label', 'async');
select pg_temp.note(1, '1', '["red"]') as first \gset
select pg_temp.note(1, '2', '["red"]') as last \gset

set local role evident_reader;
select is(
    pg_temp.refused_argument(
        format($$ select evident.wait_for_projection('probe.label', %s) $$, c.arguments)
    ),
    c.argument,
    c.description || ' is refused'
)
from (
    values
    ('-1', 'p_position', 'a position below 0'),
    ('0, null', 'p_timeout', 'no timeout'),
    ('0, ''-1 second''', 'p_timeout', 'a timeout below 0'),
    ('0, ''25 hours''', 'p_timeout', 'a timeout of more than a day')
) as c (arguments, argument, description);
select is(
    evident.wait_for_projection('probe.note'),
    true,
    'what appends keep is there at once'
);
select is(
    array[
        evident.wait_for_projection('probe.note', :last),
        evident.wait_for_projection('probe.note', 9223372036854775807, '0')
    ],
    array[true, false],
    'its position is one that there is'
);
select is(
    evident.wait_for_projection(
        p_name => 'probe.label', p_position => null, p_timeout => '0'
    ),
    false,
    'without time to wait it tells how it is'
);
select is(
    evident.wait_for_projection('probe.label', 0),
    true,
    'position 0 is there always'
);
reset role;
select evident.run_projection('probe.label', 1);
set local role evident_reader;
select is(
    array[
        evident.wait_for_projection('probe.label', :first, '1 day'),
        evident.wait_for_projection('probe.label', :last, '0'),
        evident.wait_for_projection('probe.label', null, '0')
    ],
    array[true, false, false],
    'a position is there when it was folded, and without one the last id counts'
);
select clock_timestamp() as before \gset
select evident.wait_for_projection(
    'probe.label', null, '50 milliseconds'
) as waited \gset
select is(
    array[
        :'waited',
        clock_timestamp() - :'before'::timestamptz
        between interval '50 milliseconds' and '10 seconds'
    ],
    array[false, true],
    'the wait ends when the time is over'
);
reset role;
select evident.run_projection('probe.label');
set local role evident_reader;
select is(
    evident.wait_for_projection('probe.label'),
    true,
    'after a run everything is there'
);
reset role;
select evident.pause_projection('probe.note');
select pg_temp.note(1, 'x', '["red"]') as last \gset
select evident.run_projection('probe.label');
select is(
    evident.wait_for_projection('probe.label', :last),
    true,
    'parked keys are not waited for'
);
select nextval('evident.event_store_id_seq') as head \gset
select is(
    evident.wait_for_projection('probe.label', null, '0'),
    false,
    'an id that is drawn may come to be an event'
);
select evident.run_projection('probe.label');
select evident.pause_projection('probe.label');
select is(
    evident.wait_for_projection('probe.label', :head, '0'),
    true,
    'a run passes it by, and what was folded before a pause is there'
);

select * from finish();
rollback;
