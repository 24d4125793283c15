-- depends: shop_0001_read_models
-- More read models: across aggregates, with several keys to an event, and one that a
-- command decides on.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store while the triggers of
-- shop.account_balance are made: readers go on, appends wait. Events that are stored
-- already are folded afterwards, by run_projection. Rollback drops the read models;
-- every row of them is in the events.

set local role evident_projector;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

create table shop.customer_activity (
    customer_id text not null,
    orders bigint not null,
    amount numeric not null,
    payments bigint not null,
    paid numeric not null,
    first_ordered_on date,
    last_ordered_on date,
    constraint customer_activity_customer_id_pkey primary key (customer_id)
);

comment on table shop.customer_activity is
'One row per customer: how many orders and payments, and when. A read model: folded
from events, never written by hand.';
comment on column shop.customer_activity.amount is 'Price of all orders in USD.';
comment on column shop.customer_activity.payments is 'How many payments.';
comment on column shop.customer_activity.paid is 'Payments so far in USD.';

create table shop.daily_sales (
    day date not null,
    orders bigint not null,
    quantity bigint not null,
    amount numeric not null,
    constraint daily_sales_day_pkey primary key (day)
);

comment on table shop.daily_sales is
'One row per day on which something was ordered. A read model: folded from events,
never written by hand.';
comment on column shop.daily_sales.quantity is 'Pieces in the orders of the day.';
comment on column shop.daily_sales.amount is 'Price of the orders of the day in USD.';

create table shop.stock_level (
    sku text not null,
    received numeric not null,
    picked numeric not null,
    on_hand numeric not null,
    constraint stock_level_sku_pkey primary key (sku)
);

comment on table shop.stock_level is
'One row per SKU: what came in and went out. A read model: folded from events, never
written by hand.';
comment on column shop.stock_level.sku is 'Stock keeping unit: what is counted.';
comment on column shop.stock_level.on_hand is
'received - picked; below 0 when more was picked than was counted in.';

create table shop.account_balance (
    aggregate_id uuid not null,
    balance numeric not null,
    version integer not null,
    updated_at timestamptz not null,
    constraint account_balance_aggregate_id_pkey primary key (aggregate_id)
);

comment on table shop.account_balance is
'One row per account: its balance in USD. A read model: folded from events, never
written by hand.';
comment on column shop.account_balance.aggregate_id is 'The account.';
comment on column shop.account_balance.version is
'Version of the newest event folded in; what commands that decide on the balance
expect.';
comment on column shop.account_balance.updated_at is
'When the newest event folded in occurred.';

grant select on table
shop.customer_activity, shop.daily_sales, shop.stock_level, shop.account_balance
to evident_reader, evident_operator, evident_auditor;

-- [begin sql/projections/customer_activity.sql]
-- shop.customer_activity: one row per customer: orders, payments, first and last day.
--
-- Across aggregates, so it has a keys function. A payment names its order and not
-- its customer; whoever placed the order is looked up among the earlier versions of
-- that aggregate. They are there whenever the payment is, and never change: the
-- answer is the same on every path. Hence `stable`, where others are `immutable`.
--
-- Asynchronous: nobody waits for these numbers, and two orders of one customer must
-- not wait for each other.
--
-- An order or payment without a customer, or with an empty one, is in no row. Without
-- an amount it counts, and adds nothing.
--
-- Events: OrderCreated, PaymentProcessed

create or replace function shop.keys_of_customer_activity(
    p_event evident.event_store
)
returns setof text
language sql
stable
parallel safe
begin atomic
    select coalesce(
        nullif((p_event).payload ->> 'customer_id', ''),
        (
            select nullif(e.payload ->> 'customer_id', '')
            from evident.event_store as e
            where
                e.aggregate_id = (p_event).aggregate_id
                and e.version < (p_event).version
                and e.event_type = 'OrderCreated'
            order by e.version desc
            limit 1
        )
    );
end;

comment on function shop.keys_of_customer_activity(evident.event_store) is
'The customer whose row of shop.customer_activity an event touches.';

revoke all on function shop.keys_of_customer_activity(evident.event_store)
from public;

create or replace function shop.apply_customer_activity(
    p_row shop.customer_activity,
    p_event evident.event_store
)
returns shop.customer_activity
language plpgsql
immutable
parallel safe
as $function$
declare
    v_amount constant numeric := coalesce((p_event.payload ->> 'amount')::numeric, 0);
    v_day constant date := (p_event.payload ->> 'ordered_on')::date;
begin
    p_row.orders := coalesce(p_row.orders, 0);
    p_row.amount := coalesce(p_row.amount, 0);
    p_row.payments := coalesce(p_row.payments, 0);
    p_row.paid := coalesce(p_row.paid, 0);
    case p_event.event_type
        when 'OrderCreated' then
            p_row.orders := p_row.orders + 1;
            p_row.amount := p_row.amount + v_amount;
            p_row.first_ordered_on := least(p_row.first_ordered_on, v_day);
            p_row.last_ordered_on := greatest(p_row.last_ordered_on, v_day);
        when 'PaymentProcessed' then
            p_row.payments := p_row.payments + 1;
            p_row.paid := p_row.paid + v_amount;
    end case;
    return p_row;
end;
$function$;

comment on function
shop.apply_customer_activity(shop.customer_activity, evident.event_store) is
'The fold step of shop.customer_activity: row so far + event = next row.';

revoke all on function
shop.apply_customer_activity(shop.customer_activity, evident.event_store)
from public;

do $do$
begin
    perform evident.create_projection(
        'shop.customer_activity',
        'shop.apply_customer_activity(shop.customer_activity, evident.event_store)',
        array['OrderCreated', 'PaymentProcessed'],
        p_mode => 'async',
        p_keys => 'shop.keys_of_customer_activity(evident.event_store)'
    );
end;
$do$;
-- [end sql/projections/customer_activity.sql]

-- [begin sql/projections/daily_sales.sql]
-- shop.daily_sales: one row per day: orders, pieces and amount.
--
-- Across aggregates: all orders of a day meet in one row. Kept in the appends'
-- transactions, they would queue for it, hence asynchronous.
--
-- An order that does not say when it was placed counts on the day it was stored, in
-- UTC: the event's own time, so a replay gives the same day. Without a quantity or
-- an amount it counts, and adds nothing.
--
-- Events: OrderCreated

create or replace function shop.keys_of_daily_sales(p_event evident.event_store)
returns setof text
language sql
stable
parallel safe
begin atomic
    select coalesce(
        (p_event).payload ->> 'ordered_on',
        to_char((p_event).occurred_at at time zone 'UTC', 'YYYY-MM-DD')
    );
end;

comment on function shop.keys_of_daily_sales(evident.event_store) is
'The day whose row of shop.daily_sales an event touches.';

revoke all on function shop.keys_of_daily_sales(evident.event_store) from public;

create or replace function shop.apply_daily_sales(
    p_row shop.daily_sales,
    p_event evident.event_store
)
returns shop.daily_sales
language plpgsql
immutable
parallel safe
as $function$
begin
    p_row.orders := coalesce(p_row.orders, 0) + 1;
    p_row.quantity := coalesce(p_row.quantity, 0)
        + coalesce((p_event.payload ->> 'quantity')::integer, 0);
    p_row.amount := coalesce(p_row.amount, 0)
        + coalesce((p_event.payload ->> 'amount')::numeric, 0);
    return p_row;
end;
$function$;

comment on function shop.apply_daily_sales(shop.daily_sales, evident.event_store) is
'The fold step of shop.daily_sales: row so far + event = next row.';

revoke all on function
shop.apply_daily_sales(shop.daily_sales, evident.event_store) from public;

do $do$
begin
    perform evident.create_projection(
        'shop.daily_sales',
        'shop.apply_daily_sales(shop.daily_sales, evident.event_store)',
        array['OrderCreated'],
        p_mode => 'async',
        p_keys => 'shop.keys_of_daily_sales(evident.event_store)'
    );
end;
$do$;
-- [end sql/projections/daily_sales.sql]

-- [begin sql/projections/stock_level.sql]
-- shop.stock_level: one row per SKU: what came in, what went out, what is there.
--
-- One event touches several rows: its payload is {"items": [{"sku", "quantity"},
-- ...]}, and the keys function gives the SKU of each item. The engine folds the
-- event once for each; the step finds in its row which SKU it is about, and sums up
-- the items that are.
--
-- Asynchronous: a delivery of 500 SKUs would otherwise hold the lock of each until it
-- commits, and any picker of one of them would wait. Whoever must not sell the last
-- piece twice decides on an aggregate per SKU, as shop.withdraw does on an account.
--
-- An item without a SKU is in no row, one without a quantity moves nothing. What was
-- picked beyond the stock shows as a level below 0: the count was wrong, not the log.
--
-- Events: GoodsReceived, GoodsPicked

create or replace function shop.keys_of_stock_level(p_event evident.event_store)
returns setof text
language sql
immutable
parallel safe
begin atomic
    select nullif(i.item ->> 'sku', '')
    from jsonb_path_query((p_event).payload, '$.items[*]') as i (item);
end;

comment on function shop.keys_of_stock_level(evident.event_store) is
'The SKUs whose rows of shop.stock_level an event touches.';

revoke all on function shop.keys_of_stock_level(evident.event_store) from public;

create or replace function shop.apply_stock_level(
    p_row shop.stock_level,
    p_event evident.event_store
)
returns shop.stock_level
language plpgsql
immutable
parallel safe
as $function$
declare
    v_quantity constant numeric := coalesce(
        (
            select sum((i.item ->> 'quantity')::numeric)
            from jsonb_path_query(p_event.payload, '$.items[*]') as i (item)
            where i.item ->> 'sku' = p_row.sku
        ),
        0
    );
begin
    p_row.received := coalesce(p_row.received, 0);
    p_row.picked := coalesce(p_row.picked, 0);
    case p_event.event_type
        when 'GoodsReceived' then
            p_row.received := p_row.received + v_quantity;
        when 'GoodsPicked' then
            p_row.picked := p_row.picked + v_quantity;
    end case;
    p_row.on_hand := p_row.received - p_row.picked;
    return p_row;
end;
$function$;

comment on function shop.apply_stock_level(shop.stock_level, evident.event_store) is
'The fold step of shop.stock_level: row so far + event = next row.';

revoke all on function
shop.apply_stock_level(shop.stock_level, evident.event_store) from public;

do $do$
begin
    perform evident.create_projection(
        'shop.stock_level',
        'shop.apply_stock_level(shop.stock_level, evident.event_store)',
        array['GoodsReceived', 'GoodsPicked'],
        p_mode => 'async',
        p_keys => 'shop.keys_of_stock_level(evident.event_store)'
    );
end;
$do$;
-- [end sql/projections/stock_level.sql]

-- [begin sql/projections/account_balance.sql]
-- shop.account_balance: one row per account: the balance, and as of which version.
--
-- Synchronous, since commands decide on it: see shop.withdraw. They expect the
-- version that stands beside the balance, so every type of event that an account may
-- have is listed here, also one that leaves the balance alone: otherwise the version
-- would stay behind the account's.
--
-- Money is not guessed at. A deposit or withdrawal without an amount above 0 is an
-- error, and the append that brings it is refused.
--
-- Events: AccountOpened, MoneyDeposited, MoneyWithdrawn
-- Errors: PT400

create or replace function shop.apply_account_balance(
    p_row shop.account_balance,
    p_event evident.event_store
)
returns shop.account_balance
language plpgsql
immutable
parallel safe
as $function$
declare
    v_amount constant numeric := case p_event.event_type
        when 'AccountOpened' then 0
        else (p_event.payload ->> 'amount')::numeric
    end;
begin
    if p_event.event_type <> 'AccountOpened'
        and (v_amount > 0 and v_amount < 'infinity') is not true
    then
        raise exception using
            errcode = 'PT400',
            message = format('%s without an amount above 0', p_event.event_type),
            detail = jsonb_build_object(
                'argument', 'p_payload', 'reason', 'no amount above 0'
            )::text;
    end if;

    p_row.balance := coalesce(p_row.balance, 0) + case p_event.event_type
        when 'MoneyWithdrawn' then -v_amount
        else v_amount
    end;
    p_row.version := p_event.version;
    p_row.updated_at := p_event.occurred_at;
    return p_row;
end;
$function$;

comment on function
shop.apply_account_balance(shop.account_balance, evident.event_store) is
'The fold step of shop.account_balance: row so far + event = next row. Errors: PT400 a
movement without an amount above 0.';

revoke all on function
shop.apply_account_balance(shop.account_balance, evident.event_store) from public;

do $do$
begin
    perform evident.create_projection(
        'shop.account_balance',
        'shop.apply_account_balance(shop.account_balance, evident.event_store)',
        array['AccountOpened', 'MoneyDeposited', 'MoneyWithdrawn']
    );
end;
$do$;
-- [end sql/projections/account_balance.sql]

-- [begin sql/projections/withdraw.sql]
-- shop.withdraw: take money from an account, but not more than there is.
--
-- A command, as an example of "decide, then append":
-- 1. Read what the decision needs, and the version it was read at: one row.
-- 2. Decide. Here: refuse an overdraft.
-- 3. Append, and expect that version. Whoever was quicker has made another version of
--    the account; the append is then refused with PT409, and no decision stands
--    on a balance that is gone. While the projection is paused its rows are old, and
--    the commands are refused in the same way.
--
-- No lock, and no loop: after PT409 the caller calls again, and everything is
-- decided anew. A loop in here would need a block with an exception handler, and be
-- blind at REPEATABLE READ; the caller knows better how long a customer waits. Of
-- several callers at once one always succeeds, so they come to an end.
--
-- With p_event_id a repeated request takes the money once, also when it was the last
-- money: what is stored already is not decided again.
--
-- Runs with the caller's rights: evident_reader to read, evident_writer to append.
--
-- Errors: PT400, PT402, PT404, PT409, PT422

create or replace function shop.withdraw(
    p_account_id uuid,
    p_amount numeric,
    p_event_id uuid default null
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_account shop.account_balance;
begin
    if (p_amount > 0 and p_amount < 'infinity') is not true then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument p_amount: not above 0',
            detail = jsonb_build_object(
                'argument', 'p_amount', 'reason', 'not above 0'
            )::text,
            hint = 'withdraw an amount above 0';
    end if;

    select b.*
    into v_account
    from shop.account_balance as b
    where b.aggregate_id = p_account_id;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format('account %s does not exist', p_account_id),
            detail = jsonb_build_object('account_id', p_account_id)::text,
            hint = 'append AccountOpened first';
    end if;

    if v_account.balance < p_amount
        and not exists (
            select
            from evident.event_store as e
            where e.event_id = p_event_id
        )
    then
        raise exception using
            errcode = 'PT402',
            message = format(
                'account %s has %s, which does not cover %s',
                p_account_id, v_account.balance, p_amount
            ),
            detail = jsonb_build_object(
                'account_id', p_account_id,
                'balance', v_account.balance,
                'amount', p_amount
            )::text,
            hint = 'withdraw less, or deposit first';
    end if;

    return evident.append_event(
        p_account_id,
        'MoneyWithdrawn',
        jsonb_build_object('amount', p_amount),
        v_account.version,
        p_event_id => p_event_id
    );
end;
$function$;

comment on function shop.withdraw(uuid, numeric, uuid) is
'Takes p_amount from an account and gives the account''s new version. p_event_id:
identity of the request, as for evident.append_event. Errors: PT400 invalid amount,
PT402 the balance does not cover it, PT404 no such account, PT409 somebody was quicker:
call again, PT422 event_id used for other content.';

revoke all on function shop.withdraw(uuid, numeric, uuid) from public;
grant execute on function shop.withdraw(uuid, numeric, uuid) to evident_writer;
-- [end sql/projections/withdraw.sql]
