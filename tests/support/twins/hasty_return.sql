-- Claims that do not look again once nothing waits for an aggregate any more.

select pg_temp.spoil(
    'evident.claim_events(text, text, bigint, interval)',
    $$if v_ids = '{}' then
            v_ids := evident._next_events($$,
    $$if v_ids = '{}' and v_free.claimed_aggregate_id is null then
            v_ids := evident._next_events($$
);
