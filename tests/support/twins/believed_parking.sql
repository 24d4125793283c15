-- Appends that believe an old snapshot about which keys are parked.

select pg_temp.spoil(
    'evident._sql_hold_by_aggregate(evident.projection)',
    'in (''''repeatable read'''', ''''serializable'''')',
    'in (''''none'''')'
);
