begin;
select plan(18);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    pg_temp.permitted($$ select * from evident.verify_projection('probe.nobody') $$),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may look for drift'
);
select is(
    pg_temp.refusal($$ select * from evident.verify_projection('probe.nobody') $$)
    - array['message', 'hint'],
    '{"code": "PT404", "detail": {"name": "probe.nobody"}}'::jsonb,
    'a name that nobody has is refused'
);

select pg_temp.keep('note');
select pg_temp.register('label', 'async');
select evident.append_events(pg_temp.task(1), pg_temp.notes('1', '2'));
select pg_temp.note(2, '3', '["red"]');
select pg_temp.note(3, '4', '["red", "blue"]');
select pg_temp.note(4, '5');
select pg_temp.note(4, '', '[]', 'Dropped');
set local role evident_auditor;
select is_empty(
    $$ select * from evident.verify_projection('probe.note') $$,
    'a read model that is kept by appends has no drift'
);
select is_empty(
    $$ select * from evident.verify_projection('probe.label') $$,
    'what was not folded yet is none'
);
reset role;
select evident.run_projection('probe.label', 3);
select is_empty(
    $$ select * from evident.verify_projection('probe.label') $$,
    'nor in the middle of the log'
);
select evident.run_projection('probe.label');
select is_empty(
    $$ select * from evident.verify_projection('probe.label') $$,
    'nor at its end'
);

update probe.note set notes = '{3,3}' where id = pg_temp.task(2);
delete from probe.note where id = pg_temp.task(3);
insert into probe.note (id, notes, version, had_only_key)
values (pg_temp.task(4), '{5}', 1, true), (pg_temp.task(5), null, null, null);
update probe.label set notes = null where label = 'red';
set local role evident_operator;
select results_eq(
    $$ select * from evident.verify_projection('probe.note') $$,
    $$ select
        pg_temp.task(c.number)::text,
        jsonb_build_object('id', pg_temp.task(c.number)) || c.stored::jsonb,
        jsonb_build_object('id', pg_temp.task(c.number)) || c.replayed::jsonb
    from (
        values
        (
            2, '{"notes": [3, 3], "version": 1, "had_only_key": true}',
            '{"notes": [3], "version": 1, "had_only_key": true}'
        ),
        (3, null, '{"notes": [4], "version": 1, "had_only_key": true}'),
        (4, '{"notes": [5], "version": 1, "had_only_key": true}', null),
        (5, '{"notes": null, "version": null, "had_only_key": null}', null)
    ) as c (number, stored, replayed) $$,
    'rows that are wrong, missing or too much are told, as stored and as replayed'
);
select is(
    pg_temp.drift('probe.label'),
    '{"red": [null, [3, 4]]}'::jsonb,
    'by key'
);
select results_eq(
    $$ select c.number, v.stored ->> 'notes', v.replayed ->> 'notes'
    from generate_series(1, 6) as c (number)
    cross join lateral evident.verify_projection(
        'probe.note', pg_temp.task(c.number)::text
    ) as v
    where v.key = pg_temp.task(c.number)::text
    order by c.number $$,
    $$ values (2, '[3, 3]', '[3]'), (3, null, '[4]'), (4, '[5]', null),
    (5, null, null) $$,
    'one key alone is told like the others'
);
select results_eq(
    $$ select k.key, v.key, v.replayed -> 'notes'
    from unnest(array['red', 'blue', 'green']) as k (key)
    cross join lateral evident.verify_projection('probe.label', k.key) as v $$,
    $$ values ('red', 'red', '[3, 4]'::jsonb) $$,
    'also where keys cross aggregates'
);
select is(
    (
        select count(*)
        from evident.verify_projection('probe.note', null)
    ),
    4::bigint,
    'no key means all'
);
select is(
    pg_temp.refusal(
        $q$ select * from evident.verify_projection('probe.note', 'red') $q$
    ) - array['message', 'hint'],
    '{"code": "PT400", "detail": {"argument": "p_key", "reason": "not a uuid"}}'::jsonb,
    'a key that cannot be is refused'
);
select is(
    pg_temp.refusal(
        $q$ select * from evident.verify_projection('probe.nobody', 'red') $q$
    ) ->> 'code',
    'PT404',
    'the projection comes first'
);
select
    evident.rebuild_projection('probe.note'),
    evident.rebuild_projection('probe.label');
select is(
    pg_temp.drift('probe.note') || pg_temp.drift('probe.label'),
    '{}'::jsonb,
    'a rebuild repairs them'
);
reset role;

-- Parked keys.

select evident.pause_projection('probe.note');
select pg_temp.note(1, '6', '["red"]');
select pg_temp.note(1, 'x', '["red"]');
select pg_temp.note(1, '7', '["red", "blue"]');
select evident.run_projection('probe.label');
select is(
    array[pg_temp.label_rows(), pg_temp.drift('probe.label')],
    array['{"all": [1, 2], "red": [3, 4, 6], "blue": [4, 7]}', '{}']::jsonb[],
    'a parked key is compared up to its failure'
);
update probe.label set notes = '{3,4,6,7}' where label = 'red';
select is(
    pg_temp.drift('probe.label'),
    '{"red": [[3, 4, 6, 7], [3, 4, 6]]}'::jsonb,
    'and no further'
);
select is(
    pg_temp.drift('probe.note'),
    '{}'::jsonb,
    'a paused one up to where it was paused'
);
select evident.resume_projection('probe.note');
select is(
    pg_temp.drift('probe.note'),
    '{}'::jsonb,
    'and one that catches up to where it is'
);

select * from finish();
rollback;
