-- rebuild_projection that does not stop appends before its last step, and takes its
-- time between folding the rest and writing.

select pg_temp.spoil(
    'evident._lock_read_model(evident.projection, boolean)',
    'lock table %s in share row exclusive mode',
    'select %L'
);
select pg_temp.spoil(
    'evident.rebuild_projection(text, integer, integer)',
    'execute evident._projection_write(',
    'perform pg_sleep(0.1); execute evident._projection_write('
);
