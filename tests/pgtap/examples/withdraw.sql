begin;
select plan(19);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

select evident.append_event(pg_temp.task(1), 'AccountOpened', '{}', 0);
select evident.append_event(pg_temp.task(1), 'MoneyDeposited', '{"amount": 20}', 1);

-- Who may do what.

select is(
    pg_temp.permitted('select shop.withdraw(pg_temp.task(1), 1)'),
    '{}',
    'it takes a writer who is a reader too'
);
create role evident_test_teller in role evident_reader, evident_writer;
set local role evident_test_teller;

-- Withdrawals.

select is(
    shop.withdraw(pg_temp.task(1), 5.50),
    3::bigint,
    'a withdrawal gives the account''s new version'
);
select results_eq(
    format(
        $$ select e.event_type, e.payload from evident.read_aggregate(%L, 3) as e $$,
        pg_temp.task(1)
    ),
    $$ values ('MoneyWithdrawn', '{"amount": 5.50}'::jsonb) $$,
    'it is an event of the account'
);
select is(
    pg_temp.refusal('select shop.withdraw(pg_temp.task(1), 14.51)'),
    jsonb_build_object(
        'code', 'PT402',
        'message', format(
            'account %s has 14.50, which does not cover 14.51', pg_temp.task(1)
        ),
        'detail', jsonb_build_object(
            'account_id', pg_temp.task(1), 'balance', 14.50, 'amount', 14.51
        ),
        'hint', 'withdraw less, or deposit first'
    ),
    'an overdraft is refused, with what there is'
);
select is(
    evident.aggregate_version(pg_temp.task(1)),
    3,
    'and nothing is appended'
);
select is(
    shop.withdraw(pg_temp.task(1), 14.50, pg_temp.event_id(1)),
    4::bigint,
    'everything may be withdrawn'
);
select is(
    shop.withdraw(pg_temp.task(1), 14.50, pg_temp.event_id(1)),
    4::bigint,
    'a repeated request takes nothing again, and is no overdraft'
);
select is(
    pg_temp.refusal(
        'select shop.withdraw(pg_temp.task(1), 99, pg_temp.event_id(1))'
    ) ->> 'code',
    'PT422',
    'the identity of a request cannot be used for another amount'
);
select is(
    pg_temp.refusal(
        'select shop.withdraw(pg_temp.task(1), 1, pg_temp.event_id(2))'
    ) ->> 'code',
    'PT402',
    'a new request with an identity of its own is decided'
);
select is(
    (select b.balance from shop.account_balance as b),
    0.00,
    'the balance is 0'
);

-- Arguments.

select is(
    pg_temp.refused_argument(
        format('select shop.withdraw(pg_temp.task(1), %L)', c.amount)
    ),
    'p_amount',
    format('the amount %s is refused', coalesce(c.amount, 'null'))
)
from (values ('0'), ('-1'), ('NaN'), ('Infinity'), (null)) as c (amount);
select is(
    pg_temp.refusal(format('select shop.withdraw(%L, 1)', c.account_id)) ->> 'code',
    'PT404',
    c.description || ' is refused'
)
from (
    values
    (pg_temp.task(2), 'an account that is not there'), (null, 'null')
) as c (account_id, description);

-- Decided on an old balance.

reset role;
select evident.append_event(pg_temp.task(3), 'MoneyDeposited', '{"amount": 20}', 0);
select evident.pause_projection('shop.account_balance');
select evident.append_event(pg_temp.task(3), 'MoneyWithdrawn', '{"amount": 20}', 1);
set local role evident_test_teller;

select is(
    pg_temp.refusal('select shop.withdraw(pg_temp.task(3), 20)') ->> 'code',
    'PT409',
    'a balance that is behind the account allows nothing'
);
select is(
    pg_temp.refusal('select shop.withdraw(pg_temp.task(3), 21)') ->> 'code',
    'PT402',
    'and what it does not cover is refused as ever'
);

select * from finish();
rollback;
