-- Guards as `create trigger` leaves them: silent while session_replication_role is
-- replica.

alter table evident.event_store enable trigger event_store_history;
alter table evident.event_store enable trigger event_store_history_rows;
alter table evident.ledger_tile enable trigger ledger_tile_history;
alter table evident.ledger_tile enable trigger ledger_tile_history_rows;
