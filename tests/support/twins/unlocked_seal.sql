-- Seals beside other sealers.

select pg_temp.spoil(
    'evident.seal(bigint)',
    'not evident._lock_sealer(false)',
    'false'
);
