-- Appends that fold whoever is first into a key, not the smaller id.

select pg_temp.spoil(
    'evident."kept_batch_races.sync_keys"(evident.event_store[])',
    'e.id > v_first',
    'e.id < v_first and e.id > v_first'
);
