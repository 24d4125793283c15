-- Not broken: a seal that takes 0.1 milliseconds for each event that it may take.

select pg_temp.spoil(
    'evident._seal_step(bigint)',
    'if v_head.number is distinct from (',
    'perform pg_sleep(p_max_events * 0.0001); if v_head.number is distinct from ('
);
