-- claim_events that lets the partition go first that the clock says waited longest.

select pg_temp.spoil(
    'evident.claim_events(text, text, bigint, interval)',
    'order by p.epoch, p.partition',
    'order by p.claimed_at nulls first, p.partition'
);
