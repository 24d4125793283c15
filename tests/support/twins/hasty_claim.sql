-- claim_events that takes whatever is visible behind the position, up to the head.

select pg_temp.spoil(
    'evident.claim_events(text, text, bigint, interval)',
    'evident.safe_position()',
    $$coalesce(pg_sequence_last_value('evident.event_store_id_seq'), 0)$$
);
