-- Takes back shop_0001: the projection, its fold and the read model.

set local role evident_projector;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';

do $do$
begin
    perform evident.drop_projection('shop.orders_summary');
end;
$do$;

-- [begin generated rollback]
drop function shop.apply_orders_summary(shop.orders_summary, evident.event_store);
-- [end generated rollback]

drop table shop.orders_summary;

drop schema shop;
