-- Takes back shop_0001: the trigger, the fold and the read model.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

-- [begin generated rollback]
drop trigger event_store_orders_summary on evident.event_store;
drop function shop.keep_orders_summary();
drop aggregate shop.fold_orders_summary(shop.orders_summary, evident.event_store);
drop function shop.fold_orders_summary_step(shop.orders_summary, shop.orders_summary, evident.event_store);
drop function shop.apply_orders_summary(shop.orders_summary, evident.event_store);
-- [end generated rollback]

drop table shop.orders_summary;

drop schema shop;
