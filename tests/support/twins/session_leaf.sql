-- leaf_entry that takes the time as the session shows it.

select pg_temp.spoil(
    'evident.leaf_entry(evident.event_store)',
    'timestamptz_send((p_event).occurred_at)',
    'convert_to(((p_event).occurred_at)::text, ''UTF8'')'
);
