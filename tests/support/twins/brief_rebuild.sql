-- Not broken: rebuild_projection that tries its last step three times, not twelve.

select pg_temp.spoil(
    'evident.rebuild_projection(text, bigint, bigint)',
    'for v_attempt in 1..12 loop',
    'for v_attempt in 1..3 loop'
);
