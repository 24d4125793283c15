-- _fold_and_park that takes every error for the event's, also one of the server.

select pg_temp.spoil(
    'evident._fold_and_park(evident.projection, bigint, bigint)',
    'perform evident._require_event_error(p_projection, sqlstate, v_message);',
    ''
);
select pg_temp.spoil(
    'evident._note_failure(evident.projection, text, bigint, text, text)',
    'perform evident._require_event_error(p_projection, p_sqlstate, p_message);',
    ''
);
