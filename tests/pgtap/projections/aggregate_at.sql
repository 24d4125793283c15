begin;
select plan(9);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    pg_temp.permitted(
        'select * from evident.aggregate_at(pg_temp.task(99), clock_timestamp())'
    ),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may ask, and so may operators and auditors'
);
select is(
    pg_temp.refusal('select * from evident.aggregate_at(' || c.argument || ', now())'),
    jsonb_build_object(
        'code', 'PT404',
        'message', format('aggregate %s does not exist', coalesce(c.id::text, 'null')),
        'detail', jsonb_build_object('aggregate_id', c.id),
        'hint', 'check the aggregate''s id'
    ),
    c.description || ' is refused'
)
from (
    values
    ('pg_temp.task(99)', pg_temp.task(99), 'an aggregate that does not exist'),
    ('null', null, 'null')
) as c (argument, id, description);

set local role evident_projector;
create table probe.count (id uuid primary key, number integer);
create function probe.apply_count(p_row probe.count, p_event evident.event_store)
returns probe.count
language sql
immutable
return row(p_row.id, coalesce(p_row.number, 0) + 1)::probe.count;
grant select on table probe.count to evident_reader, evident_operator, evident_auditor;
reset role;
select evident.create_projection(
    'probe.count', 'probe.apply_count(probe.count,evident.event_store)', '{Seen}',
    'async'
);
select pg_temp.keep('note');
select pg_temp.register('label');

set local evident_test.minutes = 1;
select pg_temp.note(1, '1', '[]', 'Ignored');
set local evident_test.minutes = 2;
select pg_temp.note(1, '2', '["red"]');
select pg_temp.note(2, '9', '["red"]');
set local evident_test.minutes = 3;
select pg_temp.note(1, '', '[]', 'Seen');
set local evident_test.minutes = 4;
select pg_temp.note(1, '', '[]', 'Dropped');

create function pg_temp.known(p_minutes integer)
returns jsonb
language sql
stable
begin atomic
    select jsonb_agg(
        jsonb_build_array(
            a.projection, a.version, coalesce(a.state -> 'notes', a.state -> 'number')
        )
    )
    from evident.aggregate_at(
        pg_temp.task(1),
        timestamptz '2026-01-01 00:00:00+00' + make_interval(mins => p_minutes)
    ) as a
    where a.projection ~ '^probe';
end;

set local role evident_reader;
select is(pg_temp.known(0), null, 'before the first event nothing is known');
select is(pg_temp.known(1), null, 'nor of events that nothing is folded from');
select is(
    pg_temp.known(2),
    '[["probe.note", 2, [2]]]'::jsonb,
    'there is a row for each projection by aggregate that had one, with the version'
);
select is(
    pg_temp.known(3),
    '[["probe.count", 3, 1], ["probe.note", 3, [2]]]'::jsonb,
    'in the order of their names, whether or not they have been run'
);
select is(
    pg_temp.known(4),
    '[["probe.count", 4, 1]]'::jsonb,
    'a row that was removed is not known any more'
);
select is(
    pg_temp.known(null),
    pg_temp.known(4),
    'null is now'
);

select * from finish();
rollback;
