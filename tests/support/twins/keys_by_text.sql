-- Keys of a type in which equal values have several texts: what queues for a key, parks
-- it or puts it into a slice goes by its text, and the read model by its value.

select pg_temp.spoil(
    'evident._key_problem(oid, text)',
    '(''uuid''::regtype)::oid',
    '(''numeric''::regtype)::oid, (''uuid''::regtype)::oid'
);
