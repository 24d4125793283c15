-- The isolation level first: it is set by the first statement of a transaction, and
-- what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir helpers/refusal.psql
set local role evident_operator;
select pg_temp.refusal($$ select evident.begin_incarnation('a test') $$)
as repeatable_read \gset
rollback;

begin;
select plan(25);
\ir helpers/refusal.psql
\ir helpers/documents.psql
\ir helpers/ledger.psql

select is(
    :'repeatable_read'::jsonb - array['message', 'hint'],
    '{
        "code": "PT400",
        "detail": {
            "argument": "transaction_isolation",
            "reason": "repeatable read has one snapshot for all statements"
        }
    }'::jsonb,
    'REPEATABLE READ is refused, since all its statements have one snapshot'
);
select is(
    pg_temp.permitted($$ select evident.begin_incarnation('a test') $$),
    array['evident_operator'],
    'operators may begin an incarnation, and nobody else'
);
set local role evident_operator;
select is(
    pg_temp.refused_argument(
        format('select evident.begin_incarnation(%s)', c.arguments)
    ),
    c.argument,
    c.description || ' is refused'
)
from (
    values
    ('null', 'p_reason', 'no reason'),
    ($$ '' $$, 'p_reason', 'an empty reason'),
    ($$ '   ' $$, 'p_reason', 'a blank reason'),
    ($$ repeat('x', 1001) $$, 'p_reason', 'too long a reason'),
    ($$ 'r', '' $$, 'p_name', 'an empty name'),
    ($$ 'r', repeat('x', 101) $$, 'p_name', 'too long a name'),
    ($$ 'r', 'a b' $$, 'p_name', 'a name with a space'),
    ($$ 'r', 'a+b' $$, 'p_name', 'a name with a plus sign'),
    ($$ 'r', U&'a\00FC' $$, 'p_name', 'a name with a letter beyond ASCII'),
    ($$ 'r', e'a\n' $$, 'p_name', 'a name that ends a line'),
    ($$ 'r', e'a\nb' $$, 'p_name', 'a name of two lines'),
    ($$ 'r', e'a\u2028b' $$, 'p_name', 'a name with another line end'),
    ($$ 'r', e'a\u007f' $$, 'p_name', 'a name with a control character')
) as c (arguments, argument, description);
reset role;

select pg_temp.happen(3), evident.seal(), pg_temp.happen(2);
select i.log_id from evident.log_identity as i \gset
set local role evident_operator;
set local evident_test.minutes = 7;
select is(
    evident.begin_incarnation(
        p_reason => 'restored the backup of Monday', p_name => '!*,-./:;<=>?@[\]^_{|}~'
    ),
    2,
    'a second incarnation is begun'
);
reset role;
select results_eq(
    $$ select
        i.incarnation, i.name, i.reason, i.tree_size, i.begun_at,
        i.begun_by = session_user
    from evident.log_identity as i
    where i.incarnation = 2 $$,
    $$ values (
        2, '!*,-./:;<=>?@[\]^_{|}~', 'restored the backup of Monday', 3::bigint,
        '2026-01-01 00:07:00+00'::timestamptz, true
    ) $$,
    'with its name, its reason, how far the tree was, when and by whom'
);
select is(
    evident._log_origin(),
    format('!*,-./:;<=>?@[\]^_{|}~/%s/2', :'log_id'),
    'the origin of checkpoints is another one'
);
select results_eq(
    format(
        $$ select e.event_type, e.payload
        from evident.event_store as e
        where e.aggregate_id = %L $$,
        :'log_id'
    ),
    $$ values (
        'IncarnationBegun',
        jsonb_build_object(
            'incarnation', 2, 'name', '!*,-./:;<=>?@[\]^_{|}~',
            'reason', 'restored the backup of Monday'
        )
    ) $$,
    'it is an event of the log''s own'
);
select is(
    evident.begin_incarnation(repeat('r', 1000)), 3, 'a third one counts on'
);
select results_eq(
    $$ select i.log_id, i.name from evident._log_identity() as i $$,
    format($$ values (%L::uuid, '!*,-./:;<=>?@[\]^_{|}~') $$, :'log_id'),
    'the log and, unless given, its name stay the same'
);
select is(evident.seal(), 4::bigint, 'sealing goes on, over these events too');
select is_empty(
    'select * from evident.verify_ledger()', 'and the ledger has no problem'
);
select is(
    evident.begin_incarnation('r', repeat('x', 100)), 4,
    'a name may have a hundred characters'
);
select ok(
    exists (
        select
        from pg_locks as l
        where
            l.pid = pg_backend_pid()
            and l.locktype = 'advisory'
            and l.classid::bigint = 17755::bigint << 16
            and l.mode = 'ExclusiveLock'
            and l.granted
    ),
    'no sealer works until it is committed'
);

select * from finish();
rollback;
