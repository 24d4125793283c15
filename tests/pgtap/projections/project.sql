begin;
select plan(41);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

select is(
    pg_temp.permitted($$ select evident.project('probe.nobody', 'k') $$),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may project, and so may operators and auditors'
);
select is(
    pg_temp.refusal('select evident.project(' || c.arguments || ')')
    - array['message', 'hint'],
    jsonb_build_object(
        'code', 'PT404', 'detail', jsonb_build_object('name', c.name)
    ),
    c.description || ' is refused'
)
from (
    values
    ($$ 'probe.nobody', 'k' $$, 'probe.nobody', 'a name that nobody has'),
    ($$ null, 'k' $$, null, 'no name')
) as c (arguments, name, description);

-- The minutes count the events of aggregate 1.
select pg_temp.keep('note');
select pg_temp.register('label', 'async');
set local evident_test.minutes = 1;
select pg_temp.note(1, '1', '["red"]') as first \gset
set local evident_test.minutes = 2;
select pg_temp.note(1, '2', '["red"]');
set local evident_test.minutes = 3;
select pg_temp.note(2, '3', '["red"]');
select pg_temp.note(1, '', '["red"]', 'Dropped') as third \gset
set local evident_test.minutes = 4;
select pg_temp.note(1, '4', '["red", "it''s"]');
select pg_temp.note(1, 'not a number', '["red"]', 'Seen') as last \gset

set local role evident_reader;

select is(
    evident.project('probe.note', pg_temp.task(1)::text),
    jsonb_build_object(
        'id', pg_temp.task(1), 'notes', '[4]'::jsonb, 'version', 4,
        'had_only_key', true
    ),
    'without an end it is the row as of now'
);
select is(
    evident.project(
        p_projection => 'probe.note',
        p_key => pg_temp.task(1)::text,
        p_until_version => c.version
    ) -> 'notes',
    c.notes,
    format('version %s is in', c.version)
)
from (
    values
    (1, '[1]'::jsonb), (2, '[1, 2]'), (3, null), (4, '[4]'), (5, '[4]'), (6, '[4]')
) as c (version, notes);
select is(
    evident.project(
        p_projection => 'probe.note',
        p_key => pg_temp.task(1)::text,
        p_until_position => :first + c.offset
    ) -> 'notes',
    c.notes,
    format('position %s is in', c.offset)
)
from (
    values (-1, null), (0, '[1]'::jsonb), (1, '[1, 2]'), (2, '[1, 2]'), (3, null)
) as c ("offset", notes);
select is(
    evident.project(
        'probe.note', pg_temp.task(1)::text,
        p_until => timestamptz '2026-01-01 00:00:00+00'
        + make_interval(secs => c.seconds)
    ) -> 'notes',
    c.notes,
    format('second %s is in', c.seconds)
)
from (
    values
    (59, null), (60, '[1]'::jsonb), (119, '[1]'), (120, '[1, 2]'), (180, null),
    (1000000, '[4]')
) as c (seconds, notes);
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
select is(
    evident.project(
        'probe.note', pg_temp.task(1)::text, p_until => c.moment::timestamptz
    ) -> 'notes',
    c.notes,
    c.description
)
from (
    values
    ('2025-12-31 19:02:30', '[1, 2]'::jsonb, 'a moment is one of the session''s'),
    ('infinity', '[4]', 'or without an end'),
    (null, '[4]', 'and null is now')
) as c (moment, notes, description);
select is(
    evident.project(
        'probe.note', pg_temp.task(1)::text,
        p_until => timestamptz '2026-01-01 00:02:00+00'
    ) -> 'notes',
    '[1, 2]'::jsonb,
    'the date style does not matter'
);
select is(
    evident.project('probe.note', pg_temp.task(9)::text),
    null,
    'a key without events has no row'
);

-- Across aggregates; nothing of it is folded yet.

select is(
    evident.project('probe.label', 'red') -> 'notes',
    '[4]'::jsonb,
    'a key across aggregates is folded from all its events'
);
select is(
    evident.project('probe.label', 'red', p_until_position => :third - 1) -> 'notes',
    '[1, 2, 3]'::jsonb,
    'in the order of the feed, up to a position'
);
select is(
    evident.project(
        'probe.label', 'red', p_until => '2026-01-01 00:02:00+00'
    ) -> 'notes',
    '[1, 2]'::jsonb,
    'or a moment'
);
select is(
    evident.project('probe.label', 'it''s'),
    '{"label": "it''s", "notes": [4], "had_only_key": true}'::jsonb,
    'a key may hold any character'
);

-- Refusals.

select is(
    pg_temp.refused_argument('select evident.project(' || c.arguments || ')'),
    c.argument,
    c.description || ' is refused'
)
from (
    values
    ($$ 'probe.note', null $$, 'p_key', 'no key'),
    ($$ 'probe.note', 'k' $$, 'p_key', 'a key that is no uuid'),
    ($$ 'probe.note', '' $$, 'p_key', 'an empty key that is no uuid'),
    (
        $$ 'probe.note', pg_temp.task(1)::text, 0 $$, 'p_until_version',
        'a version below 1'
    ),
    (
        $$ 'probe.label', 'red', 1 $$, 'p_until_version',
        'a version of a key that is no aggregate'
    ),
    (
        $$ 'probe.note', pg_temp.task(1)::text, p_until_position => -1 $$,
        'p_until_position', 'a position below 0'
    ),
    (
        $$ 'probe.note', pg_temp.task(1)::text, 1, 1 $$, 'p_until', 'more than one end'
    )
) as c (arguments, argument, description);
select is(
    evident.project('probe.note', pg_temp.task(1)::text, '2') -> 'notes',
    '[1, 2]'::jsonb,
    'an argument without a type is a version'
);

-- The clock was an hour ahead, and then set right.

reset role;
set local evident_test.minutes = 70;
select pg_temp.note(5, '1', '["blue"]');
set local evident_test.minutes = 11;
select pg_temp.note(5, '2', '["blue"]');
set local role evident_reader;
select is(
    evident.project(
        'probe.note', pg_temp.task(5)::text,
        p_until => timestamptz '2026-01-01 00:00:00+00'
        + make_interval(mins => c.minutes)
    ) -> 'notes',
    c.notes,
    c.description
)
from (
    values
    (10, null::jsonb, 'before its first stamp a key has no row'),
    (11, '[1, 2]', 'an event with an early stamp comes after those before it'),
    (70, '[1, 2]', 'and stays')
) as c (minutes, notes, description);

select * from finish();
rollback;
