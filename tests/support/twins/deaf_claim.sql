-- Claims that do not leave out what waits behind a parked event.

select pg_temp.spoil(
    'evident._next_events(text, integer, bigint, bigint, bigint)',
    'not v_has_parked',
    'true'
);
