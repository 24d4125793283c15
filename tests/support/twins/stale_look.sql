-- Claims that know of nothing above the position that is safe now.

select pg_temp.spoil(
    'evident.claim_events(text, text, bigint, interval)',
    'v_claimable := greatest(v_until, v_free.claimed_until)',
    'v_claimable := v_until'
);
