-- rebuild_projection that lets runners go on between what it folds and what it writes.

select pg_temp.spoil(
    'evident.rebuild_projection(text, integer, integer)',
    'perform evident._lock_projection(v_projection.number);',
    ''
);
