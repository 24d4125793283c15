-- Appends that read the stored row before they have the lock on the read model.

select pg_temp.spoil(
    'races.keep_batch_sync_one()',
    'lock table races.sync_one in row exclusive mode;',
    ''
);
select pg_temp.spoil(
    'races.keep_event_sync_one()', 'select row(s.*)::races.sync_one', 'select v_row'
);
select pg_temp.spoil(
    'races.keep_event_sync_one()',
    'if new.version = 1 and',
    'select s.* into v_row from races.sync_one as s where s.key = new.aggregate_id;
    if new.version = 1 and'
);
