begin;
select plan(10);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

select is(
    pg_temp.permitted('select evident._audit_path(0, 0, 1)'), '{}',
    'nobody may call it'
);
select pg_temp.happen(7), evident.seal();

select is(
    pg_temp.named(evident._audit_path(p.leaf, p.height, p.size)),
    p.path,
    format('leaf %s, height %s, of %s', p.leaf, p.height, p.size)
)
from (
    values
    (0, 0, 7, 'a b h l'),
    (6, 0, 7, 'j i k'),
    (0, 1, 7, 'g h l'),
    (3, 1, 7, 'h g l'),
    (3, 2, 7, 'k l'),
    (5, 1, 6, 'i k'),
    (0, 0, 2, 'a b')
) as p (leaf, height, size, path);

-- Across tiles: from the root of the second tile on.
select pg_temp.happen(593), evident.seal();
select is(
    evident._audit_path(300, 8, 600),
    array[
        pg_temp.naive_root(pg_temp.leaves(256, 256)),
        pg_temp.naive_root(pg_temp.leaves(0, 256)),
        pg_temp.naive_root(pg_temp.leaves(512, 88))
    ],
    'a tile''s root has the tiles beside it on its path'
);
select is(
    evident._audit_path(599, 3, 600),
    array[
        pg_temp.naive_root(pg_temp.leaves(592, 8)),
        pg_temp.naive_root(pg_temp.leaves(576, 16)),
        pg_temp.naive_root(pg_temp.leaves(512, 64)),
        pg_temp.naive_root(pg_temp.leaves(0, 512))
    ],
    'at the right edge nodes without a sibling add nothing'
);

select * from finish();
rollback;
