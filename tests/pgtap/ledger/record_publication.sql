begin;
select plan(18);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

-- A note over a tree head. With an em dash, its signature is no signature.
create function pg_temp.note(
    p_origin text,
    p_size text,
    p_root bytea,
    p_rest text default U&'\000A\000A\2014 key AAAA\000A'
)
returns text
language sql
immutable
return p_origin || e'\n' || p_size || e'\n' || encode(p_root, 'base64') || p_rest;

select pg_temp.happen(3), evident.seal(), pg_temp.happen(2), evident.seal();
select
    evident._log_origin() as origin,
    pg_temp.naive_root(pg_temp.leaves(0, 3)) as root3,
    pg_temp.naive_root(pg_temp.leaves(0, 5)) as root5 \gset

select is(
    pg_temp.permitted($$ select evident.record_publication('a note') $$),
    array['evident_auditor'],
    'auditors may note a publication, and nobody else'
);
select is(
    pg_temp.refused_argument(
        format('select evident.record_publication(%L)', c.note)
    ),
    'p_checkpoint',
    c.description || ' is refused'
)
from (
    values
    (null, 'no note'),
    ('', 'an empty note'),
    (repeat('x', 65537), 'a note longer than 65536 bytes'),
    ('a note', 'a note of another kind'),
    (
        pg_temp.note('other/' || :'origin', '5', :'root5'),
        'the checkpoint of another log'
    ),
    (
        pg_temp.note(:'origin' || '0', '5', :'root5'),
        'the checkpoint of another incarnation'
    ),
    (
        pg_temp.note(:'origin', '3', :'root5'),
        'the root of another size'
    ),
    (
        pg_temp.note(:'origin', '4', :'root5'),
        'a size that has no tree head'
    ),
    (
        pg_temp.note(:'origin', '05', :'root5'),
        'a size with a leading zero'
    ),
    (
        pg_temp.note(:'origin', '5', sha256('forged')),
        'another root'
    ),
    (
        pg_temp.note(:'origin', '5', :'root5', e'\n'),
        'a checkpoint without a signature'
    ),
    (
        pg_temp.note(:'origin', '5', :'root5', U&'\000A\2014 key AAAA\000A'),
        'a signature without an empty line before it'
    ),
    (
        pg_temp.note(:'origin', '5', :'root5', e'\n\n- key AAAA\n'),
        'a signature with a mere hyphen'
    )
) as c (note, description);

select pg_temp.note(:'origin', '5', :'root5') as note5 \gset
set local role evident_auditor;
set local evident_test.minutes = 9;
select lives_ok(
    format('select evident.record_publication(%L)', :'note5'),
    'a checkpoint of the newest tree head is noted'
);
select lives_ok(
    format(
        'select evident.record_publication(%L)',
        pg_temp.note(:'origin', '3', :'root3')
    ),
    'so is one of an earlier tree head'
);
reset role;
select results_eq(
    $$ select
        p.incarnation, p.tree_size, p.checkpoint, p.published_at,
        p.published_by = session_user
    from evident.ledger_publication as p
    order by p.number
    limit 1 $$,
    format(
        $$ values (1, 5::bigint, %L, '2026-01-01 00:09:00+00'::timestamptz, true) $$,
        :'note5'
    ),
    'as it was given, with when and by whom'
);
select evident.begin_incarnation('a test');
select is(
    pg_temp.refused_argument(
        format('select evident.record_publication(%L)', :'note5')
    ),
    'p_checkpoint',
    'in a new incarnation it is refused'
);

select * from finish();
rollback;
