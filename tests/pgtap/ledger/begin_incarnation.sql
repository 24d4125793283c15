-- The isolation level first: it is set by the first statement of a transaction, and
-- what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
set local role evident_operator;
select pg_temp.refusal($$ select evident.begin_incarnation('a test') $$)
as repeatable_read \gset
rollback;

begin;
select plan(31);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

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
    ($$ 'x' || repeat(' ', 3000000) $$, 'p_reason', 'a reason with blanks behind it'),
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
        '00000000-0000-0000-0000-000000000000'
    ),
    $$ values (
        'IncarnationBegun',
        jsonb_build_object(
            'incarnation', 2, 'name', '!*,-./:;<=>?@[\]^_{|}~',
            'reason', 'restored the backup of Monday'
        )
    ) $$,
    'it is an event of the store''s own stream'
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
select isnt(
    (
        select i.xmax::text
        from evident.log_identity as i
        where i.incarnation = 1
    ),
    '0',
    'no sealer works until it is committed: the first row is locked'
);

-- What is begun stays so, also when its event cannot be stored.

create function pg_temp.raises()
returns trigger
language plpgsql
as $function$
begin
    raise exception using errcode = 'ZZ001', message = 'no ' || new.event_type;
end;
$function$;
create trigger raises after insert on evident.event_store
for each row execute function pg_temp.raises();
set local client_min_messages = error;
select is(
    evident.begin_incarnation('with a trigger in the way'), 5,
    'an incarnation is begun although its event cannot be stored'
);
reset client_min_messages;
select is(
    (
        select concat_ws(' ', s.incarnation, s.attestation_sqlstate, s.attestation_error)
        from evident.ledger_status as s
    ),
    '5 ZZ001 no IncarnationBegun',
    'and the status tells why'
);
drop trigger raises on evident.event_store;
select evident.begin_incarnation('without it');
select results_eq(
    $$ select e.payload ->> 'reason'
    from evident.event_store as e
    where e.event_type = 'IncarnationBegun'
    order by e.version desc
    limit 2 $$,
    $$ values ('without it'), ('with a trigger in the way') $$,
    'later both have their event, in their order'
);
select is(
    (select s.attestation_sqlstate from evident.ledger_status as s), null,
    'and the status is clean'
);

-- An event that is written by hand and says other than what was begun.

select evident._append_own_event('IncarnationBegun', '{"incarnation": 7}');
select evident.begin_incarnation('hidden');
select is(
    (
        select e.payload ->> 'reason'
        from evident.event_store as e
        where e.event_type = 'IncarnationBegun'
        order by e.version desc
        limit 1
    ),
    'hidden',
    'what an owner wrote by hand before hides no incarnation'
);

select * from finish();
rollback;
