-- run_projection that parks a key and folds its next events all the same.

select pg_temp.spoil(
    'evident._fold_slice(evident.projection, bigint, bigint, text)',
    'having count(*) > 0',
    'having false'
);
