-- Not broken: a seal that takes a millisecond for each event that it may take.

select pg_temp.spoil(
    'evident._seal_step(bigint)',
    'if v_head.number is distinct from (',
    'perform pg_sleep(p_max_events * 0.001); if v_head.number is distinct from ('
);
