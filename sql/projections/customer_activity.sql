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
