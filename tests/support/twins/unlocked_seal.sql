-- Seals beside other sealers.

select pg_temp.spoil(
    'evident.seal(integer)',
    'not pg_try_advisory_xact_lock(17755::bigint << 48)',
    'false'
);
