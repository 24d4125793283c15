begin;
select plan(13);
\ir ../helpers/documents.psql

select evident.append_events(pg_temp.task(1), pg_temp.noted(null, null, null), 0);

select is(
    evident._base_version(pg_temp.task(c.task), c.expected),
    c.base,
    format(
        'of an aggregate at version %s with %s expected, %s is followed',
        case c.task when 1 then 3 else 0 end,
        coalesce(c.expected::text, 'null'),
        coalesce(c.base::text, 'nothing')
    )
)
from (
    values
    (1, 3, 3),
    (1, 4, null),
    (1, null, 3),
    (1, -1, 3),
    (1, -2, null),
    (2, 0, 0),
    (2, 1, null),
    (2, null, 0),
    (2, -1, null),
    (2, -2, null)
) as c (task, expected, base);
select is(
    evident._base_version(pg_temp.task(1), c.expected),
    c.expected,
    format('whether %s is the newest version is left to the unique key', c.expected)
)
from unnest(array[0, 1, 2]) as c (expected);

select * from finish();
rollback;
