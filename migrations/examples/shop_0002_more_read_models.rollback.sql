-- Takes back shop_0002: the projections, their functions and the read models.

set local role evident_projector;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
    perform evident.drop_projection('shop.account_balance');
    perform evident.drop_projection('shop.stock_level');
    perform evident.drop_projection('shop.daily_sales');
    perform evident.drop_projection('shop.customer_activity');
end;
$do$;

-- [begin generated rollback]
drop function shop.withdraw(uuid, numeric, uuid);
drop function shop.apply_account_balance(shop.account_balance, evident.event_store);
drop function shop.apply_stock_level(shop.stock_level, evident.event_store);
drop function shop.keys_of_stock_level(evident.event_store);
drop function shop.apply_daily_sales(shop.daily_sales, evident.event_store);
drop function shop.keys_of_daily_sales(evident.event_store);
drop function shop.apply_customer_activity(shop.customer_activity, evident.event_store);
drop function shop.keys_of_customer_activity(evident.event_store);
-- [end generated rollback]

drop table shop.account_balance;
drop table shop.stock_level;
drop table shop.daily_sales;
drop table shop.customer_activity;
