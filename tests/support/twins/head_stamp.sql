-- Stamps the last id that was drawn, though some below it may not be committed yet.

select pg_temp.spoil(
    'evident.stamp_position(boolean)',
    'evident.safe_position()',
    $$coalesce(pg_sequence_last_value('evident.event_store_id_seq'), 0)$$
);
