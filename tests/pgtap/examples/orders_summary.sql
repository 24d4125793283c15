begin;
select plan(30);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

-- The fold step on its own.

-- An event of order 1 at a minute of its own.
create function pg_temp.event(p_version integer, p_type text, p_payload jsonb)
returns evident.event_store
language sql
immutable
return row(
    p_version, pg_temp.task(1), p_version, p_type, p_payload, '{}',
    pg_temp.event_id(p_version),
    timestamptz '2001-02-03 04:00:00+00' + make_interval(mins => p_version), 'carol'
)::evident.event_store;

create function pg_temp.start()
returns shop.orders_summary
language sql
immutable
return row(
    pg_temp.task(1), null, null, null, null, null, null, null, null
)::shop.orders_summary;

create function pg_temp.created()
returns evident.event_store
language sql
immutable
return pg_temp.event(
    1, 'OrderCreated',
    '{
        "customer_id": "c1", "ordered_on": "2001-02-03", "quantity": 2,
        "amount": 19.90
    }'
);

select is(
    shop.apply_orders_summary(pg_temp.start(), pg_temp.created()),
    row(
        pg_temp.task(1), 'c1', '2001-02-03', 2, 19.90, 'created', 0, 1,
        '2001-02-03 04:01:00+00'
    )::shop.orders_summary,
    'OrderCreated fills the row'
);
select is(
    shop.apply_orders_summary(
        row(
            pg_temp.task(1), 'c1', '2001-02-03', 2, 19.90, 'created', 5, 6,
            '2001-02-03 04:06:00+00'
        )::shop.orders_summary,
        pg_temp.event(7, 'PaymentProcessed', '{"amount": 4.90}')
    ),
    row(
        pg_temp.task(1), 'c1', '2001-02-03', 2, 19.90, 'paid', 9.90, 7,
        '2001-02-03 04:07:00+00'
    )::shop.orders_summary,
    'PaymentProcessed adds to what was paid and touches nothing else'
);
select is(
    shop.apply_orders_summary(
        pg_temp.start(), pg_temp.event(1, 'PaymentProcessed', '{"amount": 4.90}')
    ),
    row(
        pg_temp.task(1), null, null, null, null, 'paid', 4.90, 1,
        '2001-02-03 04:01:00+00'
    )::shop.orders_summary,
    'a payment that comes first counts from 0'
);
select is(
    shop.apply_orders_summary(
        row(
            pg_temp.task(1), 'c1', '2001-02-03', 2, 19.90, 'paid', 19.90, 6,
            '2001-02-03 04:06:00+00'
        )::shop.orders_summary,
        pg_temp.event(7, 'ItemShipped', '{}')
    ),
    row(
        pg_temp.task(1), 'c1', '2001-02-03', 2, 19.90, 'shipped', 19.90, 7,
        '2001-02-03 04:07:00+00'
    )::shop.orders_summary,
    'ItemShipped changes the status and touches nothing else'
);
select throws_ok(
    $$ select shop.apply_orders_summary(
        pg_temp.start(), pg_temp.event(1, 'OrderBurnt', '{}')
    ) $$,
    '20000',
    null,
    'an event that the step does not know is an error'
);

-- The aggregates: from a key, and from a row.

create temporary view history as
select h.event
from (
    values
    (pg_temp.event(4, 'ItemShipped', '{}')),
    (pg_temp.event(2, 'PaymentProcessed', '{"amount": 9.90}')),
    (pg_temp.created()),
    (pg_temp.event(3, 'PaymentProcessed', '{"amount": 10.00}'))
) as h (event);

select is(
    (
        select evident."fold_shop.orders_summary"(
            pg_temp.task(1), h.event order by (h.event).version
        )
        from history as h
    ),
    row(
        pg_temp.task(1), 'c1', '2001-02-03', 2, 19.90, 'shipped', 19.90, 4,
        '2001-02-03 04:04:00+00'
    )::shop.orders_summary,
    'the aggregate folds events in the order of their versions'
);
select is(
    (
        select evident."refold_shop.orders_summary"(
            pg_temp.start(), h.event order by (h.event).version
        )
        from history as h
    ),
    (
        select evident."fold_shop.orders_summary"(
            pg_temp.task(1), h.event order by (h.event).version
        )
        from history as h
    ),
    'a fold from a row with only its key is the fold from the key'
);
select is(
    (
        select evident."refold_shop.orders_summary"(
            s.stored, h.event order by (h.event).version
        )
        from history as h
        cross join (
            select evident."refold_shop.orders_summary"(
                pg_temp.start(), e.event order by (e.event).version
            ) as stored
            from history as e
            where (e.event).version <= 2
        ) as s
        where (h.event).version > 2
    ),
    row(
        pg_temp.task(1), 'c1', '2001-02-03', 2, 19.90, 'shipped', 19.90, 4,
        '2001-02-03 04:04:00+00'
    )::shop.orders_summary,
    'a fold goes on from a row that holds the events before'
);
select is(
    (
        select evident."refold_shop.orders_summary"(
            pg_temp.start(), h.event order by (h.event).version
        )
        from history as h
        where (h.event).version > 9
    ),
    null,
    'a fold of no events onto a row has no row'
);

select is(
    (
        select evident."fold_shop.orders_summary"(
            pg_temp.task(1), h.event order by (h.event).version
        )
        from history as h
        where (h.event).version > 9
    ),
    null,
    'a fold of no events has no row'
);

-- The triggers.

create function pg_temp.summary(p_number integer)
returns text
language sql
stable
begin atomic
    select format(
        '%s %s %s: %s of %s %s, version %s',
        s.customer_id, s.ordered_on, s.quantity, s.paid, s.amount, s.status,
        s.version
    )
    from shop.orders_summary as s
    where s.aggregate_id = pg_temp.task(p_number);
end;

create function pg_temp.order_created(p_customer_id text)
returns jsonb
language sql
immutable
return jsonb_build_object(
    'type', 'OrderCreated',
    'payload', jsonb_build_object(
        'customer_id', p_customer_id, 'ordered_on', '2001-02-03',
        'quantity', 2, 'amount', 19.90
    )
);

create function pg_temp.payment(p_amount numeric)
returns jsonb
language sql
immutable
return jsonb_build_object(
    'type', 'PaymentProcessed', 'payload', jsonb_build_object('amount', p_amount)
);

select evident.append_event(
    pg_temp.task(11), 'OrderCreated', pg_temp.order_created('c11') -> 'payload', 0
);

select is(
    pg_temp.summary(11),
    'c11 2001-02-03 2: 0 of 19.90 created, version 1',
    'an event that is appended is in the table at once'
);

select evident.append_event(
    pg_temp.task(11), 'PaymentProcessed', '{"amount": 5}', 1, '{}',
    pg_temp.event_id(11)
);
select evident.append_event(
    pg_temp.task(11), 'PaymentProcessed', '{"amount": 5}', 1, '{}',
    pg_temp.event_id(11)
);

select is(
    pg_temp.summary(11),
    'c11 2001-02-03 2: 5 of 19.90 paid, version 2',
    'an append that is repeated is folded once'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        pg_temp.task(11), 'ItemShipped', '{}', 1
    ) $$) ->> 'code',
    'PT409',
    'a stale append is refused'
);

select evident.append_event(pg_temp.task(11), 'OrderPraised', '{"amount": 1}');

select is(
    pg_temp.summary(11),
    'c11 2001-02-03 2: 5 of 19.90 paid, version 2',
    'neither a refused append nor an event of another type touches the row'
);

select evident.append_events(
    pg_temp.task(12),
    jsonb_build_array(
        pg_temp.order_created('c12'), pg_temp.payment(10),
        '{"type": "OrderPraised", "payload": {}}'::jsonb, pg_temp.payment(9.90),
        '{"type": "ItemShipped", "payload": {}}'::jsonb
    )
);

select is(
    pg_temp.summary(12),
    'c12 2001-02-03 2: 19.90 of 19.90 shipped, version 5',
    'many events of one call are folded in their order'
);

select evident.append_events(
    pg_temp.task(13),
    '[{"type": "OrderPraised", "payload": {}}, {"type": "OrderBurnt", "payload": {}}]'
);

select is(
    pg_temp.summary(13),
    null,
    'events of other types make no row'
);

select count(*) as entries
from evident.append_batch(jsonb_build_array(
    pg_temp.entry(
        14, 0, jsonb_build_array(pg_temp.order_created('c14'), pg_temp.payment(1))
    ),
    pg_temp.entry(13, null, jsonb_build_array(pg_temp.order_created('c13'))),
    pg_temp.entry(12, 5, jsonb_build_array(pg_temp.payment(0.10))),
    pg_temp.entry(11, 3, '[{"type": "OrderPraised", "payload": {}}]')
)) \gset

select is(
    array[
        pg_temp.summary(11), pg_temp.summary(12), pg_temp.summary(13),
        pg_temp.summary(14)
    ],
    array[
        'c11 2001-02-03 2: 5 of 19.90 paid, version 2',
        'c12 2001-02-03 2: 20.00 of 19.90 shipped, version 6',
        'c13 2001-02-03 2: 0 of 19.90 created, version 3',
        'c14 2001-02-03 2: 1 of 19.90 paid, version 2'
    ],
    'a batch folds the events of each aggregate into its row'
);

select count(*) as entries
from evident.append_batch(jsonb_build_array(
    pg_temp.entry(15, 0, jsonb_build_array(pg_temp.order_created('c15'))),
    pg_temp.entry(16, 0, jsonb_build_array(
        pg_temp.order_created('c16'), pg_temp.payment(2)
    )),
    pg_temp.entry(14, 2, jsonb_build_array(pg_temp.payment(2)))
)) \gset

select is(
    array[pg_temp.summary(14), pg_temp.summary(15), pg_temp.summary(16)],
    array[
        'c14 2001-02-03 2: 3 of 19.90 paid, version 3',
        'c15 2001-02-03 2: 0 of 19.90 created, version 1',
        'c16 2001-02-03 2: 2 of 19.90 paid, version 2'
    ],
    'a batch with exact versions folds the events of each aggregate into its row'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        pg_temp.task(14), 'PaymentProcessed', '{"amount": "much"}', 3
    ) $$) ->> 'code',
    '22P02',
    'an event that cannot be folded is not appended'
);
select is(
    pg_temp.refusal($$ select evident.append_event(
        pg_temp.task(14), 'PaymentProcessed', '{"amount": "much"}', 3
    ) $$) ->> 'message',
    'projection shop.orders_summary: invalid input syntax for type numeric: "much"',
    'the error names the projection'
);

select is(
    (
        select s.updated_at
        from shop.orders_summary as s
        where s.aggregate_id = pg_temp.task(11)
    ),
    (
        select e.occurred_at
        from evident.event_store as e
        where e.aggregate_id = pg_temp.task(11) and e.version = 2
    ),
    'updated_at is when the newest event folded in occurred'
);

-- The table and the replay of its history.

create view pg_temp.replay as
select (f.next_row).*
from (
    select
        evident."fold_shop.orders_summary"(
            e.aggregate_id, e order by e.version
        ) as next_row
    from evident.event_store as e
    where e.event_type in ('OrderCreated', 'PaymentProcessed', 'ItemShipped')
    group by e.aggregate_id
) as f;

select count(*) as entries
from evident.append_batch((
    select jsonb_agg(
        pg_temp.entry(
            100 + n.number, 0,
            jsonb_build_array(pg_temp.order_created('c' || n.number % 7)) || coalesce(
                (
                    select jsonb_agg(pg_temp.payment(p.number) order by p.number)
                    from generate_series(1, n.number % 5) as p (number)
                ),
                '[]'
            )
        )
    )
    from generate_series(1, 100) as n (number)
)) \gset
select count(*) as entries
from evident.append_batch((
    select jsonb_agg(
        pg_temp.entry(
            100 + n.number, null,
            jsonb_build_array(
                pg_temp.payment(n.number),
                '{"type": "ItemShipped", "payload": {}}'::jsonb
            )
        )
    )
    from generate_series(1, 100, 3) as n (number)
)) \gset

select is(
    (select count(*) from shop.orders_summary),
    (
        select count(distinct e.aggregate_id)
        from evident.event_store as e
        where e.event_type = 'OrderCreated'
    ),
    'there is one row per order'
);
select is_empty(
    $$ (
        select r.* from pg_temp.replay as r
        except
        select s.* from shop.orders_summary as s
    )
    union all
    (
        select s.* from shop.orders_summary as s
        except
        select r.* from pg_temp.replay as r
    ) $$,
    'the table equals the replay of its history'
);
select is_empty(
    $$ select * from evident.verify_projection('shop.orders_summary') $$,
    'and has not drifted from it'
);

-- Who may do what.

select is(
    pg_temp.permitted('select count(*) from shop.orders_summary'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select, and so may operators and auditors'
);
select is(
    pg_temp.permitted(s.statement), '{}', 'no role may ' || s.statement
)
from (
    values
    ('insert into shop.orders_summary (version) values (1)'),
    ('update shop.orders_summary set paid = 0'),
    ('delete from shop.orders_summary'),
    ('truncate shop.orders_summary')
) as s (statement);
select is(
    pg_temp.permitted($$ select evident.append_event(
        pg_temp.task(17), 'OrderCreated', '{"customer_id": "c17"}', 0
    ) $$),
    array['evident_writer'],
    'a writer needs no right on the read model'
);

select * from finish();
rollback;
