-- rebuild_projection that lets runners go on between what it folds and what it writes.

select pg_temp.spoil(
    'evident.rebuild_projection(text, bigint, bigint)',
    'v_now := evident._lock_projection(p_name);',
    'v_now := evident._require_projection(p_name);'
);
