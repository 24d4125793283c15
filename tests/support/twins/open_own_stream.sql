-- The store's own events in the log's aggregate, where any writer may append.

select pg_temp.spoil(
    'evident._append_own_event(text, jsonb)',
    'v_own constant uuid := ''00000000-0000-0000-0000-000000000000''',
    'v_own uuid := (evident._log_identity()).log_id'
);
select pg_temp.spoil(
    'evident._record_guard_changes()',
    'v_own constant uuid := ''00000000-0000-0000-0000-000000000000''',
    'v_own uuid := (evident._log_identity()).log_id'
);
