begin;
select plan(15);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/events.psql

-- The fold step on its own.

create function pg_temp.start()
returns shop.customer_activity
language sql
immutable
return row('c1', null, null, null, null, null, null)::shop.customer_activity;

create function pg_temp.so_far()
returns shop.customer_activity
language sql
immutable
return row(
    'c1', 2, 30.50, 1, 10, '2001-02-02', '2001-02-04'
)::shop.customer_activity;

select is(
    shop.apply_customer_activity(
        c.so_far, pg_temp.event(1, 3, c.event_type, c.payload)
    ),
    c.next_row,
    c.description
)
from (
    values
    (
        pg_temp.start(), 'OrderCreated',
        '{"customer_id": "c1", "ordered_on": "2001-02-03", "amount": 19.90}'::jsonb,
        '(c1,1,19.90,0,0,2001-02-03,2001-02-03)'::shop.customer_activity,
        'the first order makes the row'
    ),
    (
        pg_temp.so_far(), 'OrderCreated',
        '{"customer_id": "c1", "ordered_on": "2001-02-05", "amount": 19.90}',
        '(c1,3,50.40,1,10,2001-02-02,2001-02-05)',
        'a later order moves the last day'
    ),
    (
        pg_temp.so_far(), 'OrderCreated',
        '{"customer_id": "c1", "ordered_on": "2001-02-01", "amount": 19.90}',
        '(c1,3,50.40,1,10,2001-02-01,2001-02-04)',
        'an order of an earlier day moves the first day'
    ),
    (
        pg_temp.so_far(), 'OrderCreated', '{"customer_id": "c1"}',
        '(c1,3,30.50,1,10,2001-02-02,2001-02-04)',
        'an order without day and amount counts'
    ),
    (
        pg_temp.so_far(), 'PaymentProcessed', '{"amount": 20.50}',
        '(c1,2,30.50,2,30.50,2001-02-02,2001-02-04)',
        'a payment adds to what was paid'
    ),
    (
        pg_temp.start(), 'PaymentProcessed', '{}',
        '(c1,0,0,1,0,,)',
        'a payment without an amount counts, also as the first'
    )
) as c (so_far, event_type, payload, next_row, description);

-- Through the engine.

select
    pg_temp.happened(
        1, 1, 'OrderCreated',
        '{"customer_id": "c1", "ordered_on": "2001-02-03", "amount": 19.90}'
    ),
    pg_temp.happened(
        2, 1, 'OrderCreated',
        '{"customer_id": "c2", "ordered_on": "2001-02-04", "amount": 5}'
    ),
    pg_temp.happened(1, 2, 'PaymentProcessed', '{"amount": 19.90}'),
    pg_temp.happened(
        3, 1, 'OrderCreated',
        '{"customer_id": "c1", "ordered_on": "2001-02-01", "amount": 10}'
    ),
    pg_temp.happened(3, 2, 'ItemShipped', '{}'),
    pg_temp.happened(3, 3, 'PaymentProcessed', '{"amount": 4}');

select is(
    evident.run_projection('shop.customer_activity', 4),
    4::bigint,
    'a run folds as many events as it is told'
);
select is(
    evident.run_projection('shop.customer_activity'),
    1::bigint,
    'the next one folds the rest, other types do not count'
);
select results_eq(
    'select * from shop.customer_activity order by customer_id',
    $$ values
    ('c1', 2::bigint, 29.90, 2::bigint, 23.90, date '2001-02-01', date '2001-02-03'),
    ('c2', 1, 5, 0, 0, '2001-02-04', '2001-02-04') $$,
    'payments go to whoever placed the order'
);

select
    pg_temp.happened(4, 1, 'PaymentProcessed', '{"amount": 7}'),
    pg_temp.happened(4, 2, 'OrderCreated', '{"customer_id": "c4", "amount": 7}'),
    pg_temp.happened(5, 1, 'OrderCreated', '{"customer_id": "", "amount": 8}'),
    pg_temp.happened(5, 2, 'PaymentProcessed', '{"amount": 8}');

select is(
    evident.run_projection('shop.customer_activity'),
    4::bigint,
    'events without a customer are dealt with'
);
select results_eq(
    'select * from shop.customer_activity where customer_id not in (''c1'', ''c2'')',
    $$ values ('c4', 1::bigint, 7::numeric, 0::bigint, 0::numeric, null::date,
    null::date) $$,
    'a payment ahead of its order, or of an order for nobody, is in no row'
);
select is_empty(
    $$ select * from evident.verify_projection('shop.customer_activity') $$,
    'the table equals the replay of its history'
);
select is(
    evident.project('shop.customer_activity', 'c1')
    - array['first_ordered_on', 'last_ordered_on'],
    '{
        "customer_id": "c1", "orders": 2, "amount": 29.90, "payments": 2, "paid": 23.90
    }'::jsonb,
    'and so does one row on its own'
);

-- Who may do what.

select is(
    pg_temp.permitted('select count(*) from shop.customer_activity'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select, and so may operators and auditors'
);
select is(
    pg_temp.permitted($$ select evident.project('shop.customer_activity', 'c1') $$),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'and they may ask for a row as of then'
);

select * from finish();
rollback;
