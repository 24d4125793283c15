-- Claims that do not learn what is safe once more where their look began too early.

select pg_temp.spoil(
    'evident.claim_events(text, text, bigint, interval)',
    'if v_until < v_free.claimed_until then',
    'if false then'
);
