begin;
select plan(20);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql

select is(
    pg_temp.permitted($$ select evident.confirm_events('test relay', 0, 1, 1) $$),
    array['evident_operator'],
    'operators may confirm events, and readers may not'
);

-- Confirms up to the event with this note, as whoever has the epoch.
create function pg_temp.confirmation(p_epoch bigint, p_note integer)
returns jsonb
language sql
volatile
begin atomic
    select pg_temp.refusal(format(
        'select evident.confirm_events(%L, 0, %s, %s)',
        'test relay', p_epoch,
        (
            select e.id
            from evident.event_store as e
            where e.payload = jsonb_build_object('note', p_note)
        )
    ));
end;

-- Position as a note, worker, and the end of the lease.
create temporary view state as
select
    coalesce((
        select e.payload ->> 'note'
        from evident.event_store as e
        where e.id = s.position
    ), '0') as note,
    s.worker,
    s.lease_expires_at
from evident.consumer_status as s
where s.consumer = 'test relay';
grant select on state to evident_operator;

set local role evident_operator;
select evident.create_consumer('test relay');
select pg_temp.claimed('test relay', 'a', 4, '2 minutes') as claimed \gset
select pg_temp.epoch('test relay') as epoch \gset
set local evident_test.minutes = 1;

select is(
    pg_temp.confirmation(:epoch, 2),
    null,
    'a part of the events may be confirmed'
);
select results_eq(
    $$ select * from state $$,
    $$ values ('2', 'a', '2026-01-01 00:03:00+00'::timestamptz) $$,
    'the position moves, and the lease begins anew'
);

set local evident_test.minutes = 2;

select is(
    pg_temp.confirmation(:epoch, 2),
    null,
    'the same confirmation succeeds again'
);
select results_eq(
    $$ select * from state $$,
    $$ values ('2', 'a', '2026-01-01 00:04:00+00'::timestamptz) $$,
    'and renews the lease'
);
select is(
    pg_temp.confirmation(:epoch, 1) -> 'detail',
    '{"argument": "p_position", "reason": "below what is confirmed already"}'::jsonb,
    'nothing is taken back'
);
select is(
    pg_temp.confirmation(:epoch, 5) -> 'detail',
    '{"argument": "p_position", "reason": "null or beyond what was claimed"}'::jsonb,
    'nothing is confirmed that was not claimed'
);
select is(
    pg_temp.refused_argument(format(
        $$ select evident.confirm_events('test relay', 0, %s, null) $$, :epoch
    )),
    'p_position',
    'null is no position'
);
select is(
    pg_temp.refused_argument(format(
        $$ select evident.confirm_events('test relay', 0, null, %s) $$, :first
    )),
    'p_epoch',
    'null is no epoch'
);
select is(
    pg_temp.refused_argument(format(
        $$ select evident.confirm_events('test relay', 1, %s, %s) $$, :epoch, :first
    )),
    'p_partition',
    'a partition that the consumer has not is refused'
);
select is(
    pg_temp.refusal(format(
        $$ select evident.confirm_events('nobody', 0, %s, %s) $$, :epoch, :first
    )) - 'message',
    '{
        "code": "PT404",
        "detail": {"name": "nobody"},
        "hint": "check the name, or create it with create_consumer"
    }'::jsonb,
    'a consumer that does not exist is refused'
);

set local evident_test.minutes = 60;

select is(
    pg_temp.confirmation(:epoch, 4),
    null,
    'what nobody else has claimed is confirmed, though its lease has run out'
);
select results_eq(
    $$ select * from state $$,
    $$ values ('4', null::text, null::timestamptz) $$,
    'the last event of a claim ends the lease'
);
select is(
    pg_temp.confirmation(:epoch, 4),
    null,
    'the last confirmation succeeds again'
);
select is(
    pg_temp.confirmation(:epoch, 3) -> 'detail' ->> 'argument',
    'p_position',
    'an earlier one does not'
);

-- Moved on without a lease, as a look at a partition without news does it.
reset role;
update evident.consumer_partition set position = position + 1;
set local role evident_operator;

select is(
    pg_temp.confirmation(:epoch, 4),
    null,
    'nor does it matter that the position has moved on since'
);
select results_eq(
    $$ select s.note from state as s $$,
    array['5'],
    'and it stays there'
);

-- Somebody else's.

select pg_temp.claimed('test relay', 'b') as claimed \gset

select is(
    pg_temp.confirmation(:epoch, 4) - 'message',
    jsonb_build_object(
        'code', 'PT423',
        'detail', jsonb_build_object(
            'name', 'test relay', 'epoch', pg_temp.epoch('test relay')
        ),
        'hint', 'the events are another worker''s now: leave them and claim again'
    ),
    'a worker whose events another has claimed since is refused'
);
select is(
    pg_temp.confirmation(pg_temp.epoch('test relay') + 1, 6) ->> 'code',
    'PT423',
    'an epoch that was never given out is refused'
);
select results_eq(
    $$ select s.note, s.worker from state as s $$,
    $$ values ('5', 'b') $$,
    'a refusal moves nothing'
);

select * from finish();
rollback;
