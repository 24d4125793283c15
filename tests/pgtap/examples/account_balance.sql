begin;
select plan(18);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/events.psql

-- The fold step on its own.

create function pg_temp.so_far()
returns shop.account_balance
language sql
immutable
return row(
    pg_temp.task(1), 10.10, 2, '2001-02-03 04:02:00+00'
)::shop.account_balance;

select is(
    shop.apply_account_balance(
        c.so_far, pg_temp.event(1, 3, c.event_type, c.payload)
    ),
    row(
        pg_temp.task(1), c.balance, 3, '2001-02-03 04:03:00+00'
    )::shop.account_balance,
    c.description
)
from (
    values
    (
        row(pg_temp.task(1), null, null, null)::shop.account_balance,
        'AccountOpened', '{}'::jsonb, 0, 'an account begins with 0'
    ),
    (
        pg_temp.so_far(), 'MoneyDeposited', '{"amount": 0.20}', 10.30,
        'a deposit adds, exactly'
    ),
    (
        pg_temp.so_far(), 'MoneyWithdrawn', '{"amount": 0.10}', 10.00,
        'a withdrawal takes away'
    ),
    (
        pg_temp.so_far(), 'MoneyWithdrawn', '{"amount": 11}', -0.90,
        'what happened is folded, allowed or not'
    ),
    (
        row(pg_temp.task(1), null, null, null)::shop.account_balance,
        'MoneyDeposited', '{"amount": 1}', 1,
        'a deposit that comes first counts from 0'
    )
) as c (so_far, event_type, payload, balance, description);

select is(
    pg_temp.refusal(format(
        $$ select shop.apply_account_balance(
            pg_temp.so_far(), pg_temp.event(1, 3, 'MoneyDeposited', %L)
        ) $$,
        c.payload
    )) ->> 'code',
    c.code,
    c.description || ' is an error'
)
from (
    values
    ('{}', 'PT400', 'a deposit without an amount'),
    ('{"amount": null}', 'PT400', 'one of null'),
    ('{"amount": 0}', 'PT400', 'one of 0'),
    ('{"amount": -1}', 'PT400', 'one below 0'),
    ('{"amount": "NaN"}', 'PT400', 'one of NaN'),
    ('{"amount": "Infinity"}', 'PT400', 'one without bounds'),
    ('{"amount": "much"}', '22P02', 'one that is no number')
) as c (payload, code, description);

-- Through the engine.

select evident.append_event(pg_temp.task(1), 'AccountOpened', '{}', 0);
select evident.append_events(pg_temp.task(1), '[
    {"type": "MoneyDeposited", "payload": {"amount": 20}},
    {"type": "MoneyWithdrawn", "payload": {"amount": 5.50}}
]', 1);

select results_eq(
    $$ select b.balance, b.version from shop.account_balance as b $$,
    $$ values (14.50, 3) $$,
    'an append is in the balance at once, and its version beside it'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        pg_temp.task(1), 'MoneyDeposited', '{}', 3
    ) $$) - 'hint',
    '{
        "code": "PT400",
        "message":
            "projection shop.account_balance: MoneyDeposited without an amount above 0",
        "detail": {"argument": "p_payload", "reason": "no amount above 0"}
    }'::jsonb,
    'a deposit without an amount is not appended'
);
select is(
    evident.project('shop.account_balance', pg_temp.task(1)::text, 2) ->> 'balance',
    '20',
    'the balance of an earlier version can be told'
);
select is_empty(
    $$ select * from evident.verify_projection('shop.account_balance') $$,
    'the table equals the replay of its history'
);

-- Who may do what.

select is(
    pg_temp.permitted('select count(*) from shop.account_balance'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select, and so may operators and auditors'
);
select is(
    pg_temp.permitted('update shop.account_balance set balance = 100'),
    '{}',
    'no role may change a balance'
);

select * from finish();
rollback;
