begin;
select plan(9);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    pg_temp.permitted($$ select evident.resume_projection('probe.nobody') $$),
    array['evident_operator'],
    'operators may resume projections'
);
select is(
    pg_temp.refusal($$ select evident.resume_projection('probe.nobody') $$)
    - array['message', 'hint'],
    '{"code": "PT404", "detail": {"name": "probe.nobody"}}'::jsonb,
    'a name that nobody has is refused'
);

select pg_temp.keep('note');
select pg_temp.register('label', 'async');
select
    evident.resume_projection('probe.note'),
    evident.resume_projection('probe.label');
create temporary view state as
select
    p.name,
    p.state
from evident.projection as p
where p.name ~ '^probe'
order by p.name;
select results_eq(
    'select * from state',
    $$ values ('probe.label', 'running'), ('probe.note', 'running') $$,
    'a projection that is not paused stays as it is'
);

select pg_temp.note(1, '1', '["red"]');
select
    evident.pause_projection('probe.note'),
    evident.pause_projection('probe.label');
select pg_temp.note(1, '2', '["red"]');
select evident.append_events(pg_temp.task(1), pg_temp.notes('3', '4'));
set local role evident_operator;
select
    evident.resume_projection('probe.note'),
    evident.resume_projection('probe.label');
reset role;
select results_eq(
    'select * from state',
    $$ values ('probe.label', 'running'), ('probe.note', 'catching_up') $$,
    'a synchronous projection has to catch up, an asynchronous one runs'
);
select pg_temp.note(1, '5', '["red"]');
select is(
    pg_temp.note_rows(),
    '{"1": [1]}'::jsonb,
    'appends do not keep it yet'
);
select is(
    evident.run_projection('probe.note', 3) + evident.run_projection('probe.note', 3),
    4::bigint,
    'runs fold what was appended meanwhile'
);
select results_eq(
    'select * from state',
    $$ values ('probe.label', 'running'), ('probe.note', 'running') $$,
    'then it is kept by the appends again'
);
select pg_temp.note(1, '6', '["red"]');
select evident.append_events(pg_temp.task(1), pg_temp.notes('7', '8'));
select evident.run_projection('probe.label');
select is(
    pg_temp.note_rows() || pg_temp.label_rows(),
    '{"1": [1, 2, 3, 4, 5, 6, 7, 8], "red": [1, 2, 5, 6], "all": [3, 4, 7, 8]}'::jsonb,
    'and has each event once'
);
alter table probe.note add column extra text;
select evident.pause_projection('probe.note');
select evident.resume_projection('probe.note');
select evident.run_projection('probe.note');
select pg_temp.note(1, '9');
select evident.append_events(pg_temp.task(1), pg_temp.notes('10'));
select is(
    pg_temp.drift('probe.note'),
    '{}'::jsonb,
    'its columns may have changed meanwhile'
);

select * from finish();
rollback;
