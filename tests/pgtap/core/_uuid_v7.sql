begin;
select plan(5);

select is(
    count(distinct u.id),
    10000::bigint,
    'ten thousand of them are all different'
)
from (
    select evident._uuid_v7() as id
    from generate_series(1, 10000)
) as u;
select is_empty(
    $$ select u.id
    from (
        select evident._uuid_v7()::text as id
        from generate_series(1, 1000)
    ) as u
    where
        u.id !~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-'
        '[89ab][0-9a-f]{3}-[0-9a-f]{12}$' $$,
    'the version is 7 and the variant that of the RFC'
);
select ok(
    abs(
        ('x' || lpad(left(replace(evident._uuid_v7()::text, '-', ''), 12), 16, '0'))
        ::bit(64)::bigint
        - date_part('epoch', clock_timestamp()) * 1000
    ) < 10000,
    'the first 48 bits are the milliseconds since 1970'
);

create or replace function evident._now()
returns timestamptz
language sql
volatile
parallel safe
begin atomic
    select timestamptz '2022-02-22 19:22:22+00';
end;

select matches(
    evident._uuid_v7()::text,
    '^017f22e2-79b0-7',
    'the time of the RFC''s example gives the bits of that example'
);

create or replace function evident._now()
returns timestamptz
language sql
volatile
parallel safe
begin atomic
    select timestamptz '2022-02-22 19:22:22.123+00';
end;

select matches(
    evident._uuid_v7()::text,
    '^017f22e2-7a2b-7',
    'milliseconds count'
);

select * from finish();
rollback;
