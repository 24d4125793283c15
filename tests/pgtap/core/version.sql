begin;
select plan(2);
\ir ../helpers/refusal.psql

select is(
    pg_temp.permitted('select evident.version()'),
    array['evident_auditor', 'evident_operator', 'evident_reader', 'evident_writer'],
    'each of the package''s roles may ask for the version, and nobody else'
);
select matches(
    evident.version(),
    '^[0-9]{4}_[a-z][a-z0-9_]*$',
    'the version is the id of a migration'
);

select * from finish();
rollback;
