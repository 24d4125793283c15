-- Appends with one snapshot that do not ask whether rows were repaired since.

select pg_temp.spoil('races.keep_event_sync_one()', 'for share', 'limit 0');
select pg_temp.spoil('races.keep_batch_sync_one()', 'for share', 'limit 0');
