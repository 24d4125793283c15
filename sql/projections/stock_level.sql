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
