-- A retry that gives an aggregate back to its partition, which has passed what waits.

select pg_temp.spoil(
    'evident._claim_waiting(text, integer, bigint, bigint)',
    'ids := evident._next_waiting(v_waiting, p_position, p_limit);',
    'ids := ''{}'';'
);
