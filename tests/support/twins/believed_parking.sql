-- Appends that believe an old snapshot about which keys are parked.

select pg_temp.spoil(
    'evident._make_hold(evident.projection)',
    'in (''repeatable read'', ''serializable'')',
    'in (''none'')'
);
