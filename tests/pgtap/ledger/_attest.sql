begin;
select plan(9);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql
:record_guard_changes;

create temporary view status as
select
    s.leaves,
    s.attestation_sqlstate as code,
    s.attestation_error as message,
    s.attestation_failed_at as failed_at
from evident.ledger_status as s;

create function pg_temp.raises()
returns trigger
language plpgsql
as $function$
begin
    if new.aggregate_id = '00000000-0000-0000-0000-000000000000' then
        raise exception using
            errcode = coalesce(
                nullif(current_setting('evident_test.code', true), ''), 'P0001'
            ),
            message = repeat('no ', 1000);
    end if;
    return null;
end;
$function$;
create trigger raises after insert on evident.event_store
for each row execute function pg_temp.raises();

select pg_temp.happen(3);
select is(evident.seal(), 3::bigint, 'a seal is done although its own event fails');
select results_eq(
    'select * from status',
    $$ values (
        3::bigint, 'P0001', left(repeat('no ', 1000), 1000),
        '2026-01-01 00:00:00+00'::timestamptz
    ) $$,
    'the status tells why, within bounds, and since when'
);
set local evident_test.minutes = 5;
select pg_temp.happen(2);
select is(evident.seal(), 2::bigint, 'so is the next one');
select is(
    (select s.failed_at from status as s),
    '2026-01-01 00:00:00+00'::timestamptz,
    'it fails since the first time'
);

-- Whatever the error.

create function pg_temp.sealed_with(p_code text)
returns text
language plpgsql
as $function$
declare
    v_count bigint;
begin
    perform set_config('evident_test.code', p_code, true);
    perform pg_temp.happen(1);
    v_count := evident.seal();
    return v_count || ' ' || (select s.code from status as s);
exception
    when query_canceled then
        return 'cancelled';
end;
$function$;
select is(
    pg_temp.sealed_with(c.code), c.outcome, format('%s: %s', c.code, c.outcome)
)
from (
    values
    ('P0004', '1 P0004'), ('40001', '1 40001'), ('53200', '1 53200'),
    ('57014', 'cancelled')
) as c (code, outcome);

drop trigger raises on evident.event_store;
select evident.seal();
select results_eq(
    $$ select s.code, s.message, s.failed_at, e.payload ->> 'removed'
    from status as s
    cross join evident.event_store as e
    where e.aggregate_id = '00000000-0000-0000-0000-000000000000' $$,
    $$ values (null::text, null::text, null::timestamptz, '[]') $$,
    'when all is well again the event is there, and the failure gone'
);

select * from finish();
rollback;
