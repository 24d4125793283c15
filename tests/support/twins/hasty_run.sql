-- run_projection that folds whatever is visible, up to the head.

select pg_temp.spoil(
    'evident.run_projection(text, bigint)',
    'evident.safe_position()',
    $$coalesce(pg_sequence_last_value('evident.event_store_id_seq'), 0)$$
);
