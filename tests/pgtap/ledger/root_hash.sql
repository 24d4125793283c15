begin;
select plan(11);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

select is(
    pg_temp.permitted('select evident.root_hash(0)'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may ask for roots'
);
select is(
    evident.root_hash(0),
    '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'::bytea,
    'the empty tree has the hash of nothing'
);

select pg_temp.happen(7), evident.seal();
select is(evident.root_hash(1), pg_temp.node('a'), 'a tree of one leaf is that leaf');
select is(evident.root_hash(2), pg_temp.node('g'), 'two leaves have one node above');
select is(
    evident.root_hash(7),
    sha256('\x01' || pg_temp.node('k') || pg_temp.node('l')),
    'seven leaves are split into four and three'
);
select pg_temp.happen(593), evident.seal();
select is_empty(
    $$ select s.size
    from unnest(array[3, 255, 256, 257, 511, 512, 513, 600]) as s (size)
    where evident.root_hash(s.size)
    <> pg_temp.naive_root(pg_temp.leaves(0, s.size)) $$,
    'larger trees have the root that the RFC describes'
);
select pg_temp.tamper(
    'event_store',
    format(
        $$ update evident.event_store set payload = '{"forged": 1}' where id = %s $$,
        (pg_temp.stored_event(599)).id
    )
);
select isnt(
    evident.root_hash(600),
    (select h.root_hash from evident.tree_head as h where h.tree_size = 600),
    'behind the last full tile it is made from the events as they are'
);
select is(
    pg_temp.refused_argument(format('select evident.root_hash(%s)', s.size)),
    'p_size',
    s.description || ' is refused'
)
from (
    values
    ('null', 'no size'),
    ('-1', 'a size below 0'),
    ('601', 'a size that the tree has not reached'),
    ('9223372036854775807', 'the largest number there is')
) as s (size, description);

select * from finish();
rollback;
