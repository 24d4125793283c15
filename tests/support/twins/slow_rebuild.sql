-- Not broken: rebuild_projection with time between its last look and what it writes, in
-- which anything may happen. The control for the twins without a lock.

select pg_temp.spoil(
    'evident.rebuild_projection(text, integer, integer)',
    'v_written := (',
    'perform pg_sleep(0.01); v_written := ('
);
