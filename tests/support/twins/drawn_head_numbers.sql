-- Tree heads numbered by a sequence, which a seal that is rolled back leaves a gap in.

create sequence evident.drawn start 2;
grant usage on sequence evident.drawn to evident_owner;
select pg_temp.spoil(
    'evident._seal_step(bigint)',
    'v_head.number := v_head.number + 1',
    'v_head.number := nextval(''evident.drawn'')'
);
