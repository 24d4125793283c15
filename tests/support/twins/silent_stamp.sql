-- Gives the position also where there is no row to store it in.

select pg_temp.spoil(
    'evident.stamp_position(boolean)',
    'for no key update skip locked;

    if not found then',
    'for no key update skip locked;

    if false then'
);
