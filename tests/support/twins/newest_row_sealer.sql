-- Locks the newest incarnation, which is another row for whoever looks later.

select pg_temp.spoil(
    'evident._lock_sealer(boolean)',
    'where i.incarnation = 1
        for update',
    'where i.incarnation = (select max(n.incarnation) from evident.log_identity as n)
        for update'
);
