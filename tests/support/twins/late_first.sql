-- Appends that fold whoever is first into a key, not the smaller id.

select pg_temp.spoil(
    'races.keep_sync_keys_batch()',
    'v.position > v_first',
    'v.position < v_first and v.position > v_first'
);
