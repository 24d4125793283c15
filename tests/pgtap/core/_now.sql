begin;
select plan(2);

set local timezone = 'Asia/Kathmandu';
select evident._now() as first \gset
select evident._now() as second \gset

select ok(
    transaction_timestamp() < :'first' and :'first'::timestamptz < :'second',
    'the clock goes on within a transaction'
);
select ok(
    clock_timestamp() - evident._now() < interval '1 second',
    'the clock is the server''s, whatever the time zone of the session'
);

select * from finish();
rollback;
