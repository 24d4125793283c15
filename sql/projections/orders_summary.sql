-- shop.orders_summary: one row per order, for lists by customer or by date.
--
-- The step is pure: row so far + event = next row; the first row has only its
-- key. The engine uses this one function for the trigger, the catch-up, the
-- rebuild, the drift check and time travel, so they cannot disagree. No `set`
-- clause: it runs once per event, under a search_path that the engine has pinned.
--
-- Synchronous, since a customer expects to see the order just placed.
--
-- Events: OrderCreated, PaymentProcessed, ItemShipped

create or replace function shop.apply_orders_summary(
    p_row shop.orders_summary,
    p_event evident.event_store
)
returns shop.orders_summary
language plpgsql
immutable
parallel safe
as $function$
begin
    p_row.paid := coalesce(p_row.paid, 0);
    case p_event.event_type
        when 'OrderCreated' then
            p_row.customer_id := p_event.payload ->> 'customer_id';
            p_row.ordered_on := (p_event.payload ->> 'ordered_on')::date;
            p_row.quantity := (p_event.payload ->> 'quantity')::integer;
            p_row.amount := (p_event.payload ->> 'amount')::numeric;
            p_row.status := 'created';
        when 'PaymentProcessed' then
            if p_row.status is distinct from 'shipped' then
                p_row.status := 'paid';
            end if;
            p_row.paid := p_row.paid + (p_event.payload ->> 'amount')::numeric;
        when 'ItemShipped' then
            p_row.status := 'shipped';
    end case;
    p_row.version := p_event.version;
    p_row.updated_at := p_event.occurred_at;
    return p_row;
end;
$function$;

comment on function
shop.apply_orders_summary(shop.orders_summary, evident.event_store) is
'The fold step of shop.orders_summary: row so far + event = next row.';

revoke all on function
shop.apply_orders_summary(shop.orders_summary, evident.event_store)
from public;

do $do$
begin
    perform evident.create_projection(
        'shop.orders_summary',
        'shop.apply_orders_summary(shop.orders_summary, evident.event_store)',
        array['OrderCreated', 'PaymentProcessed', 'ItemShipped']
    );
end;
$do$;
