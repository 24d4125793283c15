begin;
select plan(10);
\ir ../helpers/refusal.psql
\ir ../helpers/guards.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

select columns_are(
    'evident', 'ledger_tile',
    array[
        'index', 'first_event_id', 'last_event_id', 'level', 'root_hash', 'hashes'
    ],
    'the table has its columns'
);
select col_is_pk(
    'evident', 'ledger_tile', array['level', 'index'],
    'there is one tile at each place'
);
select is(
    pg_temp.permitted('select * from evident.ledger_tile'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may select it'
);
select is(pg_temp.writers('ledger_tile'), '{}', 'no role may write to it');
select pg_temp.happen(256), evident.seal();
select is_empty(
    $$ select * from pg_temp.unguarded('ledger_tile', 'hashes') $$,
    'each change is refused, to owner and superuser too'
);
select results_eq(
    $$ select
        t.level, t.index, t.first_event_id, t.last_event_id, t.root_hash, t.hashes
    from evident.ledger_tile as t $$,
    $$ select
        0, 0::bigint, min(e.id), max(e.id),
        pg_temp.naive_root(pg_temp.leaves(0, 256)), pg_temp.leaves(0, 256)
    from evident.event_store as e $$,
    'a tile is as it was sealed'
);
select is(
    pg_temp.refusal(
        'insert into evident.ledger_tile '
        '(level, index, first_event_id, last_event_id, root_hash, hashes) '
        'values (' || c.row || ')'
    ) ->> 'message',
    format(
        'new row for relation "ledger_tile" violates check constraint "%s"',
        c.name
    ),
    c.description || ' is not stored'
)
from (
    values
    (
        $$ 8, 0, 1, 2, sha256(''), decode(repeat('00', 8192), 'hex') $$,
        'ledger_tile_level_check',
        'level 8'
    ),
    (
        $$ 0, -1, 1, 2, sha256(''), decode(repeat('00', 8192), 'hex') $$,
        'ledger_tile_index_check',
        'an index below 0'
    ),
    (
        $$ 0, 1, 1, 2, '', decode(repeat('00', 8192), 'hex') $$,
        'ledger_tile_root_hash_check',
        'a root that is no hash'
    ),
    (
        $$ 0, 1, 1, 2, sha256(''), decode(repeat('00', 8191), 'hex') $$,
        'ledger_tile_hashes_check',
        'a tile that is not full'
    )
) as c (row, name, description);

select * from finish();
rollback;
