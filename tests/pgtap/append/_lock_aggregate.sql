begin;
select plan(12);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

-- How many aggregates are locked after a statement, which is then undone.
create function pg_temp.locked(p_statement text)
returns bigint
language plpgsql
as $function$
declare
    v_locked bigint;
begin
    execute p_statement;
    select count(*) into v_locked
    from pg_locks as l
    where
        l.locktype = 'advisory'
        and l.pid = pg_backend_pid()
        and l.objsubid = 1
        and l.classid::bigint >> 16 = 17751
        and l.mode = 'ExclusiveLock'
        and l.granted;
    raise exception using errcode = 'ZZ000', message = 'undo';
exception
    when sqlstate 'ZZ000' then
        return v_locked;
end;
$function$;

select evident.append_events(pg_temp.task(1), pg_temp.noted(11, 12), 0);

select is(
    pg_temp.locked('select ' || c.call),
    c.locked::bigint,
    format('%s locks %s', c.description, c.locked)
)
from (
    values
    (
        $$ evident._lock_aggregate(pg_temp.task(1)),
        evident._lock_aggregate(pg_temp.task(1)) $$,
        1, 'one aggregate twice'
    ),
    (
        $$ count(evident._lock_aggregate(pg_temp.task(n)))
        from generate_series(1, 1000) as n $$,
        1000, 'a thousand aggregates'
    ),
    (
        $$ evident.append_event(pg_temp.task(2), 'TaskNoted', '{}', 0) $$,
        0, 'a first event'
    ),
    (
        $$ evident.append_event(pg_temp.task(1), 'TaskNoted', '{}', 2) $$,
        0, 'an event behind an exact version'
    ),
    (
        $$ evident.append_event(pg_temp.task(1), 'TaskNoted', '{}') $$,
        1, 'an event behind any version'
    ),
    (
        $$ evident.append_event(pg_temp.task(1), 'TaskNoted', '{}', -1) $$,
        1, 'an event of an aggregate that must exist'
    ),
    (
        $$ evident.append_events(pg_temp.task(2), pg_temp.noted(21, 22), 0) $$,
        0, 'a call with the first events'
    ),
    (
        $$ evident.append_events(pg_temp.task(1), pg_temp.noted(13, 14), 2) $$,
        0, 'a call with events behind an exact version'
    ),
    (
        $$ evident.append_events(pg_temp.task(1), pg_temp.noted(13, 14)) $$,
        1, 'a call with events behind any version'
    ),
    (
        $$ evident.append_batch(jsonb_build_array(
            pg_temp.entry(1, 2, pg_temp.noted(13)),
            pg_temp.entry(2, 0, pg_temp.noted(21))
        )) $$,
        0, 'a batch with exact versions'
    ),
    (
        $$ evident.append_batch(jsonb_build_array(
            pg_temp.entry(1, 2, pg_temp.noted(13)),
            pg_temp.entry(2, null, pg_temp.noted(21)),
            pg_temp.entry(3, 0, pg_temp.noted(31))
        )) $$,
        1, 'a batch with one entry without a version'
    ),
    (
        $$ evident.append_batch(jsonb_build_array(
            pg_temp.entry(1, 2, pg_temp.noted(13)),
            pg_temp.entry(2, 0, pg_temp.noted(21)),
            pg_temp.entry(3, 0)
        )) $$,
        3, 'a batch with one entry without events'
    )
) as c (call, locked, description);

select * from finish();
rollback;
