-- Seals up to the newest event that can be seen.

select pg_temp.spoil(
    'evident._seal_step(bigint)',
    'greatest(evident.safe_position(), v_head.last_event_id)',
    '(select max(e.id) from evident.event_store as e)'
);
