begin;
select plan(17);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

select is(
    pg_temp.permitted('select evident.consistency_proof(1, 1)'),
    array['evident_auditor'],
    'auditors may ask for proofs'
);
select is(
    pg_temp.refused_argument('select evident.consistency_proof(1, 1)'),
    'p_size1',
    'an empty tree proves nothing'
);
select pg_temp.happen(7), evident.seal();

-- The proofs of RFC 6962, 2.1.3, and others of the same tree.
select is(
    pg_temp.named(evident.consistency_proof(p.size1, p.size2)),
    p.proof,
    format('from %s to %s leaves', p.size1, p.size2)
)
from (
    values
    (3, 7, 'c d g l'),
    (4, 7, 'l'),
    (6, 7, 'i j k'),
    (1, 2, 'b'),
    (2, 4, 'h'),
    (4, 6, 'i'),
    (1, 7, 'b h l')
) as p (size1, size2, proof);
select is(
    evident.consistency_proof(7, 7), '{}', 'a tree is consistent with itself'
);
select is(
    pg_temp.refused_argument(
        format('select evident.consistency_proof(%s, %s)', s.size1, s.size2)
    ),
    s.argument,
    s.description || ' is refused'
)
from (
    values
    ('null', '7', 'p_size1', 'no first size'),
    ('1', 'null', 'p_size2', 'no second size'),
    ('0', '7', 'p_size1', 'an empty first tree'),
    ('1', '8', 'p_size2', 'a second tree that is not reached'),
    ('8', '8', 'p_size1', 'a first tree that is not reached'),
    ('5', '4', 'p_size1', 'the larger size first'),
    ('-1', '-1', 'p_size1', 'a size below 0')
) as s (size1, size2, argument, description);

select * from finish();
rollback;
