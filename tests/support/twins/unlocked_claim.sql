-- claim_events that looks for a free partition without locking it, and takes its time
-- before it reads the events: others claim and confirm them meanwhile.

select pg_temp.spoil(
    'evident.claim_events(text, text, integer, interval)',
    'for no key update of p skip locked',
    ''
);
select pg_temp.spoil(
    'evident.claim_events(text, text, integer, interval)',
    'exit when not found;',
    'exit when not found; perform pg_sleep(0.003);'
);
