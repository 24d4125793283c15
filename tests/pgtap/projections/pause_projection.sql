begin;
select plan(10);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    pg_temp.permitted($$ select evident.pause_projection('probe.nobody') $$),
    array['evident_operator'],
    'operators may pause projections'
);
select is(
    pg_temp.refusal($$ select evident.pause_projection('probe.nobody') $$)
    - array['message', 'hint'],
    '{"code": "PT404", "detail": {"name": "probe.nobody"}}'::jsonb,
    'a name that nobody has is refused'
);

select pg_temp.keep('note');
select pg_temp.register('label', 'async');
select pg_temp.note(1, '1', '["red"]') as first \gset
select evident.run_projection('probe.label');
select nextval('evident.event_store_id_seq') as head \gset

set local role evident_operator;
select evident.pause_projection('probe.note');
select evident.pause_projection('probe.label');
reset role;
select results_eq(
    $$ select p.name, p.state, p.position
    from evident.projection as p
    where p.name ~ '^probe'
    order by p.name $$,
    format(
        $$ values
        ('probe.label', 'paused', %s::bigint), ('probe.note', 'paused', %s) $$,
        :first, :head
    ),
    'a paused projection has a position: of the last run, or the last id drawn'
);
select pg_temp.note(1, '2', '["red"]');
select evident.append_events(pg_temp.task(1), pg_temp.notes('3'));
select is(
    pg_temp.note_rows(),
    '{"1": [1]}'::jsonb,
    'appends do not keep a paused read model'
);
select is(
    evident.run_projection('probe.note') + evident.run_projection('probe.label'),
    0::bigint,
    'runs do not fold'
);
select is(pg_temp.label_rows(), '{"red": [1]}'::jsonb, 'the rows stay as they are');
select is(
    pg_temp.drift('probe.note') || pg_temp.drift('probe.label'),
    '{}'::jsonb,
    'and are what the events up to the position fold to'
);
select evident.pause_projection('probe.note');
select results_eq(
    $$ select p.state, p.position
    from evident.projection as p
    where p.name = 'probe.note' $$,
    format($$ values ('paused', %s::bigint) $$, :head),
    'pausing again changes nothing'
);

-- A fold that fails, and one that still catches up.

select pg_temp.note(2, 'x', '["red"]');
select is(
    pg_temp.stored(2),
    1::bigint,
    'appends go on that the fold would refuse'
);
select evident.resume_projection('probe.note');
select evident.pause_projection('probe.note');
select results_eq(
    $$ select p.state, p.position
    from evident.projection as p
    where p.name = 'probe.note' $$,
    format($$ values ('paused', %s::bigint) $$, :head),
    'a projection that catches up is paused where it is'
);

select * from finish();
rollback;
