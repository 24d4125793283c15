begin;
select plan(29);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    pg_temp.permitted($$ select evident.skip_failure('probe.nobody', '', 'a', 'b') $$),
    array['evident_operator'],
    'operators may skip'
);
select is(
    pg_temp.refusal($$ select evident.skip_failure('probe.nobody', '', 'a', 'b') $$)
    - array['message', 'hint'],
    '{"code": "PT404", "detail": {"name": "probe.nobody"}}'::jsonb,
    'a name that nobody has is refused'
);

select pg_temp.register('note', 'async'), pg_temp.register('label', 'async');
select is(
    pg_temp.refusal($$ select evident.skip_failure('probe.label', 'k', 'a', 'b') $$)
    - array['message', 'hint'],
    '{"code": "PT404", "detail": {"name": "probe.label", "key": "k"}}'::jsonb,
    'a key that is not parked is refused'
);
select is(
    pg_temp.refusal(
        $$ select evident.skip_failure('probe.label', repeat('k', 201), 'a', 'b') $$
    )
    #>> '{detail,key}',
    'sha256 ' || encode(sha256(convert_to(repeat('k', 201), 'UTF8')), 'hex'),
    'a long key is not repeated, its hash is'
);

select pg_temp.note(1, '1', '["red"]');
select pg_temp.note(1, 'x', '["red", "blue"]') as failing \gset
select pg_temp.note(1, '2', '["red"]');
select pg_temp.note(1, 'y', '["red"]');
select pg_temp.note(1, '3', '["red"]');
select pg_temp.note(2, '4', '["blue"]');
select evident.run_projection('probe.note'), evident.run_projection('probe.label');

set local role evident_operator;
select is(
    pg_temp.refused_argument(
        format(
            'select evident.skip_failure(%L, %L, %s)', 'probe.note', pg_temp.task(1),
            c.arguments
        )
    ),
    c.argument,
    c.description || ' is refused'
)
from (
    values
    ($$ null, 'b' $$, 'p_actor', 'no actor'),
    ($$ ' ', 'b' $$, 'p_actor', 'an actor without a name'),
    ($$ repeat('x', 201), 'b' $$, 'p_actor', 'an actor with too long a name'),
    ($$ 'x' || repeat(' ', 200), 'b' $$, 'p_actor', 'an actor with blanks behind it'),
    ($$ 'a', 'x' || repeat(' ', 1000) $$, 'p_reason', 'a reason with blanks behind it'),
    ($$ 'a', null $$, 'p_reason', 'no reason'),
    ($$ 'a', '' $$, 'p_reason', 'an empty reason'),
    ($$ 'a', repeat('x', 1001) $$, 'p_reason', 'too long a reason')
) as c (arguments, argument, description);

set local evident_test.minutes = 5;
select is(
    evident.skip_failure(
        p_name => 'probe.note',
        p_key => pg_temp.task(1)::text,
        p_actor => repeat('c', 200),
        p_reason => repeat('r', 1000)
    ),
    1::bigint,
    'the events behind it are folded up to the next that fails'
);
reset role;
select results_eq(
    $$ select
        s.projection, s.key, s.position, s.actor, s.reason, s.code, s.message,
        s.recorded_by = session_user, s.skipped_at
    from evident.projection_skip as s $$,
    format(
        $$ values (
            'probe.note', pg_temp.task(1)::text, %s::bigint, repeat('c', 200),
            repeat('r', 1000), '22P02', 'invalid input syntax for type integer: "x"',
            true, '2026-01-01 00:05:00+00'::timestamptz
        ) $$,
        :failing
    ),
    'who decided it, and why, is on record'
);
select is(
    array[pg_temp.note_rows(), pg_temp.parked('probe.note')],
    array['{"1": [1, 2], "2": [4]}', '{"1": ["y", "22P02", 1]}']::jsonb[],
    'the event is left out, and the next one that fails parks the key again'
);
select is(
    evident.skip_failure('probe.note', pg_temp.task(1)::text, 'carol', 'a test'),
    1::bigint,
    'that one can be left out as well'
);
select is(
    array[pg_temp.note_rows(), pg_temp.parked('probe.note')],
    array['{"1": [1, 2, 3], "2": [4]}', '{}']::jsonb[],
    'then nothing is parked'
);
select is(
    evident.skip_failure('probe.label', 'blue', 'carol', 'a test'),
    1::bigint,
    'an event is left out for one of its keys'
);
select is(
    array[pg_temp.label_rows(), pg_temp.parked('probe.label')],
    array['{"red": [1], "blue": [4]}', '{"red": ["x", "22P02", 1]}']::jsonb[],
    'and fails for another one as before'
);

-- What else reads the events.

select is(pg_temp.drift('probe.note'), '{}'::jsonb, 'the drift check leaves it out');
select is(
    evident.project('probe.note', pg_temp.task(1)::text) -> 'notes',
    '[1, 2, 3]'::jsonb,
    'time travel leaves it out'
);
truncate probe.note;
select evident.rebuild_projection('probe.note');
select is(
    pg_temp.note_rows(),
    '{"1": [1, 2, 3], "2": [4]}'::jsonb,
    'a rebuild leaves it out'
);
select is(
    pg_temp.stored(1),
    5::bigint,
    'the event stays in the store'
);

-- Keys that could not be told.

select evident.skip_failure('probe.label', 'red', 'carol', 'a test');
select evident.skip_failure('probe.label', 'red', 'carol', 'a test');
select pg_temp.note(3, '5', '"none"') as failing \gset
select pg_temp.note(3, '6', '["blue"]');
select evident.run_projection('probe.label');
select is(
    evident.skip_failure('probe.label', '', 'carol', 'a test'),
    0::bigint,
    'an event whose keys cannot be told may be left out'
);
select is(
    (
        select s.key
        from evident.projection_skip as s
        where s.projection = 'probe.label' and s.position = :failing
    ),
    '',
    'for all keys'
);
select is(
    evident.run_projection('probe.label'),
    2::bigint,
    'the next run goes on'
);
select is(
    pg_temp.label_rows(),
    '{"red": [1, 2, 3], "blue": [4, 6]}'::jsonb,
    'behind it'
);
select is(pg_temp.drift('probe.label'), '{}'::jsonb, 'the drift check passes it by');
truncate probe.label;
select evident.rebuild_projection('probe.label', n.number, 3)
from generate_series(0, 2) as n (number);
select is(
    pg_temp.label_rows(),
    '{"red": [1, 2, 3], "blue": [4, 6]}'::jsonb,
    'and so does a rebuild'
);

select * from finish();
rollback;
