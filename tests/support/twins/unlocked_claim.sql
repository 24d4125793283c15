-- claim_events that looks for a free partition without locking it or looking again, and
-- takes its time before it reads the events: others claim and confirm them meanwhile.

select pg_temp.spoil(
    'evident.claim_events(text, text, bigint, interval)',
    'for no key update skip locked',
    ''
);
select pg_temp.spoil(
    'evident.claim_events(text, text, bigint, interval)',
    'and p.number = v_free.number',
    ''
);
select pg_temp.spoil(
    'evident.claim_events(text, text, bigint, interval)',
    'continue when not found;',
    'continue when not found; perform pg_sleep(0.003);'
);
