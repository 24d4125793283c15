-- rebuild_projection that does not stop appends before its last step, and takes its
-- time between folding the rest and writing.

select pg_temp.spoil(
    (
        select p.oid::regprocedure
        from pg_proc as p
        where p.oid::regproc::text = 'evident._finish_rebuild'
    ),
    'in share row exclusive mode',
    'in access share mode'
);
select pg_temp.spoil(
    'evident._finish_rebuild(evident.projection, evident.projection, integer, integer,
    text, text, bigint, bigint, boolean)',
    'v_written := (',
    'perform pg_sleep(0.1); v_written := ('
);
