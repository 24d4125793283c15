begin;
select plan(12);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/consumers.psql

select is(
    pg_temp.permitted($$ select evident.release_events('test relay', 0, 1) $$),
    array['evident_operator'],
    'operators may release events, and readers may not'
);

set local role evident_operator;
select evident.create_consumer('test relay');
select pg_temp.claimed('test relay', 'a', 4) as claimed \gset
select pg_temp.epoch('test relay') as epoch \gset
select evident.confirm_events('test relay', 0, :epoch, :first + 1);

select lives_ok(
    format($$ select evident.release_events('test relay', 0, %s) $$, :epoch),
    'a worker may give back what it has claimed'
);
select results_eq(
    $$ select s.position, s.worker, s.lease_expires_at, s.is_leased
    from evident.consumer_status as s $$,
    format(
        $$ values (%s::bigint, null::text, null::timestamptz, false) $$, :first + 1
    ),
    'the lease is over, and what was confirmed stays so'
);
select lives_ok(
    format($$ select evident.release_events('test relay', 0, %s) $$, :epoch),
    'the same call succeeds again'
);
select is(
    pg_temp.refused_argument(format(
        $$ select evident.confirm_events('test relay', 0, %s, %s) $$,
        :epoch, :first + 3
    )),
    'p_position',
    'what was given back cannot be confirmed'
);
select lives_ok(
    format(
        $$ select evident.confirm_events('test relay', 0, %s, %s) $$, :epoch, :first + 1
    ),
    'but the last confirmation succeeds again'
);
select is(
    pg_temp.claimed('test relay', 'b', 3),
    array[3, 4, 5],
    'the rest comes to whoever claims next'
);
select is(
    pg_temp.refusal(format(
        $$ select evident.release_events('test relay', 0, %s) $$, :epoch
    )) - 'message',
    jsonb_build_object(
        'code', 'PT423',
        'detail', jsonb_build_object(
            'name', 'test relay', 'epoch', pg_temp.epoch('test relay')
        ),
        'hint', 'the events are another worker''s now: leave them and claim again'
    ),
    'a worker cannot give back what another has claimed since'
);
select is(
    (select s.worker from evident.consumer_status as s),
    'b',
    'and the other one keeps its lease'
);
select is(
    pg_temp.refused_argument($$ select evident.release_events('test relay', 7, 1) $$),
    'p_partition',
    'a partition that the consumer has not is refused'
);
select is(
    pg_temp.refusal($$ select evident.release_events('nobody', 0, 1) $$) ->> 'code',
    'PT404',
    'a consumer that does not exist is refused'
);
select evident.confirm_events(
    'test relay', 0, pg_temp.epoch('test relay'), :first + 4
);
select evident.release_events('test relay', 0, pg_temp.epoch('test relay'));
select is(
    (select s.position from evident.consumer_status as s),
    :first::bigint + 4,
    'nothing is taken back when all is confirmed'
);

select * from finish();
rollback;
