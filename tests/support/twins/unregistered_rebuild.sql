-- rebuild_projection that does not keep others from registering or dropping meanwhile.

select pg_temp.spoil(
    'evident.rebuild_projection(text, bigint, bigint)',
    'evident._lock_registration(p_name, p_is_shared => true)',
    'evident._require_projection(p_name)'
);
