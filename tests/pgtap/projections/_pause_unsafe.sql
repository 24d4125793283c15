begin;
select plan(7);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql
set local client_min_messages = error;

-- Registered before keys were looked at.
select pg_temp.keep('note');
set local role evident_projector;
create table probe.price (amount numeric primary key);
reset role;
insert into evident.projection (name, apply, keys, key_column, key_type, mode, state)
values (
    'probe.price', 'probe.apply_price(probe.price,evident.event_store)',
    'probe.prices(evident.event_store)', 'amount', 'numeric', 'sync', 'running'
);
select pg_temp.note(1, '1') as last \gset
select evident._pause_unsafe();

select results_eq(
    $$ select s.state, s.reason
    from evident.projection_status as s
    where s.name = 'probe.price' $$,
    $$ values (
        'paused',
        'the key amount is of type numeric, in which equal values may have several'
        ' texts'
    ) $$,
    'a projection whose key has several texts is paused, and says why'
);
select is(
    (select p.position from evident.projection as p where p.name = 'probe.price'),
    :last::bigint,
    'it stands where the appends left it'
);
select results_eq(
    $$ select s.state, s.reason
    from evident.projection_status as s
    where s.name = 'probe.note' $$,
    $$ values ('running', null::text) $$,
    'others go on'
);
select is(
    pg_temp.refused_argument(c.statement),
    'p_name',
    c.description || ' is refused'
)
from (
    values
    ($$ select evident.resume_projection('probe.price') $$, 'to resume it'),
    ($$ select evident.rebuild_projection('probe.price') $$, 'to rebuild it'),
    ($$ select * from evident.verify_projection('probe.price') $$, 'a drift check')
) as c (statement, description);

-- A person's pause has no reason of the store's.
select evident.pause_projection('probe.note'), evident.resume_projection('probe.note');
select is(
    (select p.reason from evident.projection as p where p.name = 'probe.note'),
    null,
    'a projection that goes on has no reason to stand'
);

select * from finish();
rollback;
