-- Not broken: rebuild_projection that tries its last step three times, not twelve.

select pg_temp.spoil(
    'evident.rebuild_projection(text, integer, integer)',
    'for v_attempt in 1..12 loop',
    'for v_attempt in 1..3 loop'
);
