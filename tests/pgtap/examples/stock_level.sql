begin;
select plan(18);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/events.psql

-- The fold step and the keys on their own.

select is(
    shop.apply_stock_level(c.so_far, pg_temp.event(1, 3, c.event_type, c.payload)),
    c.next_row,
    c.description
)
from (
    values
    (
        '(a,,,)'::shop.stock_level,
        'GoodsReceived',
        '{"items": [{"sku": "a", "quantity": 5}, {"sku": "b", "quantity": 7}]}'::jsonb,
        '(a,5,0,5)'::shop.stock_level,
        'of a delivery only the items of the row''s SKU count'
    ),
    (
        '(a,5,1,4)', 'GoodsPicked',
        '{"items": [{"sku": "a", "quantity": 1}, {"sku": "a", "quantity": 2.5}]}',
        '(a,5,4.5,0.5)',
        'a SKU that is listed twice counts twice'
    ),
    (
        '(a,5,1,4)', 'GoodsPicked',
        '{"items": [{"sku": "a", "quantity": 6}]}',
        '(a,5,7,-2)',
        'what was picked beyond the stock shows'
    ),
    (
        '(a,5,1,4)', 'GoodsPicked', '{"items": [{"sku": "a"}]}',
        '(a,5,1,4)',
        'an item without a quantity moves nothing'
    )
) as c (so_far, event_type, payload, next_row, description);

select set_eq(
    format(
        $$ select k.sku
        from shop.keys_of_stock_level(
            pg_temp.event(1, 1, 'GoodsPicked', %L)
        ) as k (sku)
        where k.sku is not null $$,
        c.payload
    ),
    c.keys,
    c.description
)
from (
    values
    (
        '{"items": [{"sku": "a"}, {"sku": "b"}, {"sku": "a"}]}',
        array['a', 'b'], 'each SKU is a key'
    ),
    (
        '{"items": [{"quantity": 1}, {"sku": ""}, 7, null]}',
        '{}', 'an item without one has none'
    ),
    ('{"items": {"sku": "a"}}', '{a}', 'one item need not be in a list'),
    ('{"items": []}', '{}', 'an empty delivery touches nothing'),
    ('{}', '{}', 'and neither does one without items')
) as c (payload, keys, description);

-- Through the engine.

select
    pg_temp.happened(
        1, 1, 'GoodsReceived',
        '{"items": [{"sku": "a", "quantity": 5}, {"sku": "b", "quantity": 7}]}'
    ),
    pg_temp.happened(
        1, 2, 'GoodsPicked',
        '{"items": [{"sku": "b", "quantity": 1}, {"sku": "c", "quantity": 1}]}'
    ),
    pg_temp.happened(2, 1, 'GoodsReceived', '{"items": [{"sku": "a", "quantity": 2}]}');

select is(
    evident.run_projection('shop.stock_level'),
    3::bigint,
    'a run folds deliveries and picks'
);
select results_eq(
    'select * from shop.stock_level order by sku',
    $$ values
    ('a', 7::numeric, 0::numeric, 7::numeric), ('b', 7, 1, 6), ('c', 0, 1, -1) $$,
    'one event has moved several SKUs'
);

select
    pg_temp.happened(
        3, 1, 'GoodsReceived',
        '{"items": [{"sku": "a", "quantity": "many"}, {"sku": "b", "quantity": 1}]}'
    ),
    pg_temp.happened(3, 2, 'GoodsReceived', '{"items": [{"sku": "a", "quantity": 1}]}');

select is(
    evident.run_projection('shop.stock_level'),
    2::bigint,
    'an event that fails for one SKU does not stop the run'
);
select is(
    evident.project('shop.stock_level', 'b') ->> 'on_hand',
    (select s.on_hand::text from shop.stock_level as s where s.sku = 'b'),
    'its other SKUs are folded'
);
select results_eq(
    $$ select f.key, f.code from evident.projection_failure as f $$,
    $$ values ('a', '22P02') $$,
    'and the SKU is parked'
);
select is_empty(
    $$ select * from evident.verify_projection('shop.stock_level') $$,
    'up to there the table equals the replay of its history'
);
select is(
    evident.skip_failure('shop.stock_level', 'a', 'carol', 'counted again later'),
    1::bigint,
    'when somebody has decided to leave the item out, the later ones are folded'
);
select results_eq(
    'select * from shop.stock_level where sku <> ''c'' order by sku',
    $$ values ('a', 8::numeric, 0::numeric, 8::numeric), ('b', 8, 1, 7) $$,
    'for this SKU alone'
);

-- Who may do what.

select is(
    pg_temp.permitted('select count(*) from shop.stock_level'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select, and so may operators and auditors'
);

select * from finish();
rollback;
