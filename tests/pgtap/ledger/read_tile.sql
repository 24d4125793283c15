begin;
select plan(22);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

select is(
    pg_temp.permitted('select evident.read_tile(0, 0)'),
    array['evident_auditor'],
    'auditors may read tiles'
);
select pg_temp.happen(600), evident.seal();

select is(
    evident.read_tile(0, 0), pg_temp.leaves(0, 256),
    'the first tile holds the first 256 leaves'
);
select is(
    evident.read_tile(0, 1, 256), pg_temp.leaves(256, 256),
    'the next one those behind'
);
select is(
    evident.read_tile(0, 1, 3), pg_temp.leaves(256, 3),
    'a full tile can be read in part, as it was once served'
);
select is(
    evident.read_tile(0, 2, 88), pg_temp.leaves(512, 88),
    'the last one is as wide as the tree reaches'
);
select is(
    evident.read_tile(0, 2, 1), pg_temp.leaves(512, 1),
    'and can be read in part as well'
);
select is(
    evident.read_tile(1, 0, 2),
    pg_temp.naive_root(pg_temp.leaves(0, 256))
    || pg_temp.naive_root(pg_temp.leaves(256, 256)),
    'a tile one level up holds the roots of full tiles'
);
select is(
    pg_temp.refused_argument('select evident.read_tile(' || t.arguments || ')'),
    t.argument,
    t.description || ' is refused'
)
from (
    values
    ('null, 0, 1', 'p_level', 'no level'),
    ('-1, 0, 1', 'p_level', 'a level below 0'),
    ('8, 0, 1', 'p_level', 'level 8'),
    ('0, null, 1', 'p_index', 'no index'),
    ('0, -1, 1', 'p_index', 'an index below 0'),
    ('0, 0, null', 'p_width', 'no width'),
    ('0, 0, 0', 'p_width', 'an empty tile'),
    ('0, 0, 257', 'p_width', 'a tile of 257'),
    ('0, 2, 89', 'p_index', 'a tile wider than the tree reaches'),
    ('0, 2', 'p_index', 'a full tile that the tree does not fill'),
    ('0, 3, 1', 'p_index', 'a tile behind the last'),
    ('1, 0, 3', 'p_index', 'a root of a tile that is not full'),
    ('2, 0, 1', 'p_index', 'a level that the tree does not reach'),
    ('7, 0, 1', 'p_index', 'the highest level'),
    ('0, 9223372036854775807, 256', 'p_index', 'the largest index')
) as t (arguments, argument, description);

select * from finish();
rollback;
