begin;
select plan(9);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

select columns_are(
    'evident', 'ledger_status',
    array[
        'origin', 'log_id', 'name', 'incarnation', 'leaves', 'root_hash',
        'sealed_until', 'sealed_at', 'seconds_since_seal', 'unsealed_events',
        'published_leaves', 'published_at', 'attestation_sqlstate',
        'attestation_error', 'attestation_failed_at', 'blockers', 'problem',
        'is_snapshot'
    ],
    'the view has its columns'
);
select is(
    pg_temp.permitted('select * from evident.ledger_status'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may look'
);

create temporary view status as
select
    s.leaves,
    s.sealed_until,
    s.sealed_at,
    s.unsealed_events,
    s.published_leaves,
    s.published_at
from evident.ledger_status as s;
grant select on status to public;

set local role evident_operator;
select results_eq(
    $$ select s.leaves, s.sealed_until, s.unsealed_events, s.published_leaves
    from status as s $$,
    $$ values (0::bigint, 0::bigint, 0::bigint, null::bigint) $$,
    'a fresh ledger is empty, and nothing is published'
);
reset role;

select pg_temp.happen(3), evident.seal(), pg_temp.happen(2);
select results_eq(
    'select * from status',
    $$ values (
        3::bigint, (pg_temp.stored_event(2)).id, '2026-01-01 00:00:00+00'::timestamptz,
        2::bigint, null::bigint, null::timestamptz
    ) $$,
    'it tells how far it is sealed, and how many events are not'
);
select is(
    (select s.root_hash from evident.ledger_status as s),
    pg_temp.naive_root(pg_temp.leaves(0, 3)),
    'with the root of the tree'
);
select is(
    (
        select abs(
            s.seconds_since_seal
            - extract(epoch from clock_timestamp() - '2026-01-01 00:00:00+00')
        ) < 60
        from evident.ledger_status as s
    ),
    true,
    'and how many seconds ago it was sealed'
);
select is(
    (select s.origin from evident.ledger_status as s),
    evident._log_origin(),
    'the origin is that of checkpoints'
);

insert into evident.ledger_publication (incarnation, tree_size, checkpoint)
values (1, 3, 'a note');
select evident.seal();
set local evident_test.minutes = 5;
insert into evident.ledger_publication (incarnation, tree_size, checkpoint)
values (1, 4, 'another');
select results_eq(
    'select * from status',
    $$ values (
        5::bigint, (pg_temp.stored_event(4)).id, '2026-01-01 00:00:00+00'::timestamptz,
        0::bigint, 4::bigint, '2026-01-01 00:05:00+00'::timestamptz
    ) $$,
    'it tells what was published last'
);
select evident.begin_incarnation('a test', 'other');
select results_eq(
    $$ select s.name, s.incarnation, s.leaves, s.unsealed_events
    from evident.ledger_status as s $$,
    $$ values ('other', 2, 5::bigint, 1::bigint) $$,
    'a new incarnation is told'
);

select * from finish();
rollback;
