-- The isolation level first: it is set by the first statement of a transaction, and
-- what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
select pg_temp.refusal($$ select evident._append_own_event('A', '{}') $$)
as repeatable_read \gset
rollback;

begin;
select plan(10);
\ir ../helpers/refusal.psql

select is(
    :'repeatable_read'::jsonb ->> 'code', 'PT400', 'REPEATABLE READ is refused'
);
select is(
    pg_temp.permitted($$ select evident._append_own_event('A', '{}') $$),
    '{}',
    'nobody may call it but the owner'
);
set local role evident_owner;
select is(
    array[
        evident._append_own_event('A', '{"n": 1}'),
        evident._append_own_event('B', '{"n": 2}')
    ],
    array[1, 2]::bigint[],
    'own events have the next versions'
);
reset role;
select results_eq(
    $$ select e.version, e.event_type, e.payload, e.metadata,
        e.recorded_by = session_user
    from evident.event_store as e
    where e.aggregate_id = '00000000-0000-0000-0000-000000000000'
    order by e.version $$,
    $$ values
    (1, 'A', '{"n": 1}'::jsonb, '{}'::jsonb, true),
    (2, 'B', '{"n": 2}'::jsonb, '{}'::jsonb, true) $$,
    'in the stream of the nil UUID'
);
select ok(
    exists (
        select
        from pg_locks as l
        where
            l.pid = pg_backend_pid()
            and l.locktype = 'advisory'
            and l.classid::bigint >> 16 = 17750
            and l.granted
    ),
    'the feed hears of it as of any append'
);
select is_empty(
    $$ select
    from pg_locks as l
    where
        l.pid = pg_backend_pid()
        and l.locktype = 'advisory'
        and l.classid::bigint >> 16 <> 17750 $$,
    'no other advisory lock is taken'
);
select is(
    pg_temp.refusal(
        $$ select evident._append_own_event(
            'A', jsonb_build_object('x', repeat('x', 1048576))
        ) $$
    )
    - array['message', 'hint'],
    '{
        "code": "PT500",
        "detail": {"reason": "the payload is longer than 1048576 bytes"}
    }'::jsonb,
    'an own event is no longer than another'
);

-- A sequence that was set back gives ids below those that are sealed.

savepoint behind;
select setval('evident.event_store_id_seq', 1);
select is(
    pg_temp.refusal(c.call)::jsonb #>> '{detail,reason}',
    'the sequence is behind its rows',
    'nothing is stored with an id that was passed: ' || c.call
)
from (
    values
    ($$ select evident._append_own_event('A', '{}') $$),
    ($$ select evident.append_events(
        gen_random_uuid(), '[{"type": "A", "payload": {}}]'
    ) $$)
) as c (call);
rollback to savepoint behind;
select setval(
    'evident.event_store_id_seq', (select max(e.id) from evident.event_store as e)
);

create function pg_temp.swallows()
returns trigger
language plpgsql
as $function$
begin
    return null;
end;
$function$;
create trigger swallows before insert on evident.event_store
for each row execute function pg_temp.swallows();
select is(
    pg_temp.refusal($$ select evident._append_own_event('A', '{}') $$)
    - array['message', 'hint'],
    '{"code": "PT500", "detail": {"reason": "a hundred attempts stored no row"}}'::jsonb,
    'what cannot be stored is an error, and no loop'
);

select * from finish();
rollback;
