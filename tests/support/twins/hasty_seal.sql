-- Seals up to the last id drawn, and does not wait for who has it.

select pg_temp.spoil(
    'evident._seal_step(bigint)',
    'greatest(evident.safe_position(), v_head.last_event_id)',
    'pg_sequence_last_value(''evident.event_store_id_seq'')'
);
