-- Appends that read the stored row before they have the lock on the read model.

select pg_temp.spoil(
    'races.keep_sync_one_batch()',
    'lock table races.sync_one in row exclusive mode;',
    ''
);
select pg_temp.spoil('races.keep_sync_one()', E'select s\n', E'select v_row\n');
select pg_temp.spoil(
    'races.keep_sync_one()',
    'if new.version = 1 and',
    'select s.* into v_row from races.sync_one as s where s.key = new.aggregate_id;
    if new.version = 1 and'
);
