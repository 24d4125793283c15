begin;
select plan(18);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/guards.psql
\ir ../helpers/ledger.psql

select is(
    pg_temp.permitted('select evident.initialize_log()'), '{}',
    'none of the roles that people have may call it'
);
set local role evident_owner;
select is_empty('select evident.initialize_log()', 'nothing is made where all is there');
reset role;
select is_empty('select from evident.event_store', 'and nothing is appended');

-- A dump of the schema alone leaves all tables empty.

create function pg_temp.empty_all()
returns void
language plpgsql
as $function$
begin
    perform pg_temp.tamper(t.name, format('delete from evident.%I', t.name))
    from unnest(
        '{baseline,log_identity,tree_head,ledger_tile,ledger_publication}'::text []
    ) as t (name);
    delete from evident.feed_stamp;
    delete from evident.ledger_state;
end;
$function$;

select pg_temp.empty_all();
select is(
    pg_temp.refusal(c.call)::jsonb #- '{message}',
    jsonb_build_object(
        'code', 'PT500', 'detail', jsonb_build_object('reason', c.reason),
        'hint', c.hint
    ),
    'without rows it is an error: ' || c.call
)
from (
    values
    (
        'select evident.stamp_position()', 'feed_stamp has no row',
        'as a member of evident_owner: select evident.initialize_log()'
    ),
    (
        'select evident.seal()', 'log_identity has no row of incarnation 1',
        'restore the ledger''s tables from where the events came; for a new log, '
        'as a member of evident_owner: select evident.initialize_log()'
    ),
    (
        'select evident.root_hash(0)', 'log_identity has no row of incarnation 1',
        'restore the ledger''s tables from where the events came; for a new log, '
        'as a member of evident_owner: select evident.initialize_log()'
    )
) as c (call, reason, hint);
select set_eq(
    'select evident.initialize_log()',
    '{log_identity,tree_head,ledger_state,feed_stamp,baseline}'::text [],
    'each table gets its row'
);
select is_empty(
    'select from evident.event_store', 'a store without events needs no event about it'
);
select is_empty(
    'select g.kind, g.name from evident.guard_status() as g where not g.is_intact',
    'the guards are as the catalog is'
);
select is(
    evident.seal() = 0 and evident.stamp_position() >= 0, true,
    'the sealer and the stamp go on'
);

-- Over events.

select pg_temp.happen(300);
select pg_temp.empty_all();
select set_eq(
    'select evident.initialize_log()',
    '{log_identity,tree_head,ledger_state,feed_stamp,baseline}'::text [],
    'a new log may begin over events'
);
select is(
    (select i.reason like 'begun over events that were there%' from evident.log_identity as i),
    true, 'its identity says so'
);
select is(
    (
        select (e.payload -> 'tables')::text
        from evident.event_store as e
        where
            e.event_type = 'LogInitialized'
            and e.aggregate_id = '00000000-0000-0000-0000-000000000000'
    ),
    '["log_identity", "tree_head", "ledger_state", "feed_stamp", "baseline"]',
    'and so does the store''s own stream'
);
select is(evident.seal() > 300, true, 'its first leaves are those events');

-- A part of a log.

select is(
    pg_temp.refusal(format(
        'select pg_temp.tamper(%L, %L); select evident.initialize_log()', c.name,
        'delete from evident.' || c.name
    ))::jsonb #>> '{detail,reason}',
    'a part of a log is left',
    'a log that has lost its ' || c.name || ' is not begun anew'
)
from (values ('log_identity'), ('tree_head')) as c (name);
savepoint whole;
delete from evident.feed_stamp;
select results_eq(
    'select evident.initialize_log()', array['feed_stamp'],
    'a stamp that is gone comes back beside a log that is whole'
);
select is_empty('select * from evident.verify_ledger()', 'and the log stays what it was');

select * from finish();
rollback;
