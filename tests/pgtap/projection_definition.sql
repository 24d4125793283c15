begin;
select plan(6);
\ir helpers/refusal.psql
\ir helpers/documents.psql
\ir helpers/projections.psql

select is(
    pg_temp.permitted($$ select evident.projection_definition('probe.nobody') $$),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may ask, and so may operators and auditors'
);
select is(
    evident.projection_definition('probe.nobody'),
    null,
    'what is not registered has none'
);

select pg_temp.register('label', 'async');
select evident.projection_definition('probe.label') as definition \gset
select is(:'definition' ~ '^[0-9a-f]{64}$', true, 'it is a fingerprint');

set local role evident_reader;
set local search_path = tap, probe, evident;
select is(
    evident.projection_definition('probe.label'),
    :'definition',
    'whoever asks, and whatever the search path'
);
reset role;
set local search_path = tap;

alter function probe.labels(evident.event_store) rename to gone;
select is(
    evident.projection_definition('probe.label'),
    null,
    'there is none when the function that tells the keys is missing'
);
alter function probe.gone(evident.event_store) rename to labels;
set local client_min_messages = warning;
drop table probe.label cascade;
select is(
    evident.projection_definition('probe.label'),
    null,
    'nor without the read model'
);

select * from finish();
rollback;
