-- Works on a log without rows: the size of its tree is null, and no level the last one.

create or replace function evident._require_log()
returns void
language sql
stable
begin atomic
    select;
end;
select pg_temp.spoil(
    'evident._seal_step(bigint)',
    'v_head.number is distinct from',
    'v_head.number <>'
);
select pg_temp.spoil(
    'evident._root_over(bigint,bytea)',
    'for v_level in 1..8 loop',
    'for v_level in 1..2000000000 loop'
);
