-- Appends that read the stored row before they have the lock on the read model, and
-- write what they made of it whatever happened to the row meanwhile.

select pg_temp.spoil(
    'evident."kept_batch_races.sync_one"(evident.event_store[])',
    'lock table races.sync_one in row exclusive mode;',
    ''
);
select pg_temp.spoil('evident."kept_event_races.sync_one"(evident.event_store)', 't.ctid = v_found.place', 'true');
select pg_temp.spoil('evident."kept_event_races.sync_one"(evident.event_store)', 't.xmin = v_found.writer', 'true');
