begin;
select plan(17);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/events.psql

-- The fold step and the keys on their own.

select is(
    shop.apply_daily_sales(c.so_far, pg_temp.event(1, 3, 'OrderCreated', c.payload)),
    c.next_row,
    c.description
)
from (
    values
    (
        '(2001-02-03,,,)'::shop.daily_sales,
        '{"quantity": 2, "amount": 19.90}'::jsonb,
        '(2001-02-03,1,2,19.90)'::shop.daily_sales,
        'the first order of a day makes the row'
    ),
    (
        '(2001-02-03,1,2,19.90)',
        '{"quantity": 1, "amount": 5}',
        '(2001-02-03,2,3,24.90)',
        'the next one adds to it'
    ),
    (
        '(2001-02-03,1,2,19.90)',
        '{}',
        '(2001-02-03,2,2,19.90)',
        'an order without quantity and amount counts'
    )
) as c (so_far, payload, next_row, description);

select is(
    array(
        select k.day
        from shop.keys_of_daily_sales(
            pg_temp.event(1, 1, 'OrderCreated', c.payload)
        ) as k (day)
    ),
    array[c.day],
    c.description
)
from (
    values
    ('{"ordered_on": "1997-01-01"}'::jsonb, '1997-01-01', 'the order says its day'),
    ('{}', '2001-02-03', 'without one it is the day on which it was stored')
) as c (payload, day, description);

-- Through the engine.

select
    pg_temp.happened(
        1, 1, 'OrderCreated',
        '{"customer_id": "c1", "ordered_on": "2001-02-03", "quantity": 2, "amount": 9}'
    ),
    pg_temp.happened(1, 2, 'PaymentProcessed', '{"amount": 9}'),
    pg_temp.happened(
        2, 1, 'OrderCreated',
        '{"customer_id": "c2", "ordered_on": "2001-02-04", "quantity": 1, "amount": 5}'
    ),
    pg_temp.happened(3, 1, 'OrderCreated', '{"customer_id": "c1", "amount": 10}');

select is(
    evident.run_projection('shop.daily_sales'),
    3::bigint,
    'a run folds the orders alone'
);
select results_eq(
    'select * from shop.daily_sales order by day',
    $$ values
    (date '2001-02-03', 2::bigint, 2::bigint, 19::numeric),
    ('2001-02-04', 1, 1, 5) $$,
    'there is one row per day'
);
select is_empty(
    $$ select * from evident.verify_projection('shop.daily_sales') $$,
    'the table equals the replay of its history'
);
select is(
    evident.project('shop.daily_sales', '2001-02-03'),
    '{"day": "2001-02-03", "orders": 2, "quantity": 2, "amount": 19}'::jsonb,
    'and so does one row on its own'
);
select is(
    pg_temp.refused_argument(
        $$ select evident.project('shop.daily_sales', 'some day') $$
    ),
    'p_key',
    'a key that is no day is refused'
);

-- A day is the same day in every session. The event would be refused otherwise.

select evident.pause_projection('shop.orders_summary');
select pg_temp.happened(
    4, 1, 'OrderCreated', '{"ordered_on": "2001-02-03", "quantity": 3000000000}'
);
select is(
    evident.run_projection('shop.daily_sales'), 1::bigint, 'an event that fails is met'
);
set local timezone = 'Pacific/Auckland';
set local datestyle = 'German';
select
    pg_temp.happened(
        5, 1, 'OrderCreated', '{"ordered_on": "2001-02-03", "quantity": 1}'
    ),
    pg_temp.happened(
        6, 1, 'OrderCreated', '{"ordered_on": "2001-02-04", "quantity": 1}'
    );
select is(
    evident.run_projection('shop.daily_sales'),
    2::bigint,
    'a session with another DateStyle goes on'
);
select results_eq(
    'select to_char(day, ''DD'') as day, orders from shop.daily_sales order by day',
    $$ values ('03', 2::bigint), ('04', 2) $$,
    'and knows the day that is parked'
);
select is_empty(
    $$ select * from evident.verify_projection('shop.daily_sales') $$,
    'also when it compares the table with the events'
);
select is(
    evident.skip_failure('shop.daily_sales', '2001-02-03', 'carol', 'too many'),
    1::bigint,
    'and when it leaves an event out'
);
select is(
    evident.project('shop.daily_sales', '2001-02-03') ->> 'orders',
    (
        select d.orders::text
        from shop.daily_sales as d
        where d.day = make_date(2001, 2, 3)
    ),
    'or looks back'
);
reset timezone;
reset datestyle;

-- Who may do what.

select is(
    pg_temp.permitted('select count(*) from shop.daily_sales'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select, and so may operators and auditors'
);

select * from finish();
rollback;
