begin;
select plan(16);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

select is(
    pg_temp.permitted(
        $$ select * from evident.inclusion_proof(gen_random_uuid()) $$
    ),
    array['evident_auditor'],
    'auditors may ask for proofs'
);

-- The first seven events, of which one is not sealed yet.
select pg_temp.happen(7), evident.seal(6);

create function pg_temp.proof(p_place integer, p_size bigint default null)
returns text
language sql
stable
begin atomic
    select concat_ws(
        ' ', p.leaf_index, 'of', p.tree_size, pg_temp.named(p.hashes)
    )
    from evident.inclusion_proof(
        (pg_temp.stored_event(p_place)).event_id, p_size
    ) as p;
end;

select is(
    pg_temp.refused_argument('select pg_temp.proof(6)'),
    'p_event_id',
    'an event that is not sealed yet is refused'
);
select evident.seal();

-- The proofs of RFC 6962, 2.1.3.
select is(
    pg_temp.proof(p.place), p.proof, format('the example''s leaf %s', p.place)
)
from (
    values
    (0, '0 of 7 b h l'),
    (3, '3 of 7 c g l'),
    (4, '4 of 7 f j k'),
    (6, '6 of 7 i k')
) as p (place, proof);
select is(
    pg_temp.proof(0, 1), '0 of 1', 'the only leaf of a tree needs no proof'
);
select is(
    pg_temp.proof(2, 4), '2 of 4 d g', 'a smaller tree can be asked for'
);

-- Ids with gaps, and tiles.
select setval('evident.event_store_id_seq', (pg_temp.stored_event(6)).id + 1000);
select pg_temp.happen(593), evident.seal();
select is(
    pg_temp.proof(300, 301),
    '300 of 301 ? ? ? ?',
    'leaf indexes have no gaps where ids do'
);
select is(
    (
        select row(p.leaf_index, p.tree_size, cardinality(p.hashes))::text
        from evident.inclusion_proof((pg_temp.stored_event(599)).event_id) as p
    ),
    '(599,600,6)',
    'without a size the newest tree head is meant'
);

select is(
    pg_temp.refused_argument(
        format(
            'select * from evident.inclusion_proof(%L, %s)',
            (pg_temp.stored_event(300)).event_id, s.size
        )
    ),
    'p_size',
    s.description || ' is refused'
)
from (
    values
    ('0', 'the empty tree'),
    ('601', 'a size that the tree has not reached'),
    ('300', 'a tree that ends before the event')
) as s (size, description);
select is(
    pg_temp.refusal(
        format('select * from evident.inclusion_proof(%s)', e.event_id)
    ) - array['message', 'hint'],
    jsonb_build_object(
        'code', 'PT404', 'detail', jsonb_build_object('name', e.name)
    ),
    e.description || ' is not found'
)
from (
    values
    (
        quote_literal(pg_temp.event_id(404)),
        pg_temp.event_id(404)::text,
        'an event that nobody stored'
    ),
    ('null', null, 'no event')
) as e (event_id, name, description);
select is(
    pg_temp.refusal(
        format('select * from evident.inclusion_proof(%L)', pg_temp.event_id(404))
    ) ->> 'message',
    format('no event %s', pg_temp.event_id(404)),
    'the refusal names it'
);

select * from finish();
rollback;
