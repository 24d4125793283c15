-- claim_events that takes whatever is visible behind the position, up to the head.

do $do$
declare
    v_source constant text := pg_get_functiondef(
        'evident.claim_events(text, text, integer, interval)'::regprocedure
    );
    v_broken constant text := replace(
        v_source,
        'evident.safe_position()',
        $$coalesce(pg_sequence_last_value('evident.event_store_id_seq'), 0)$$
    );
begin
    assert v_broken <> v_source, 'the position is not where this twin looks for it';
    execute v_broken;
end;
$do$;
