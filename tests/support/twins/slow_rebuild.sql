-- Not broken: rebuild_projection with time between its last look and what it writes, in
-- which anything may happen. The control for the twins without a lock.

select pg_temp.spoil(
    'evident._finish_rebuild(evident.projection, evident.projection, integer, integer,
    text, text, bigint, bigint, boolean)',
    'v_written := (',
    'perform pg_sleep(0.01); v_written := ('
);
