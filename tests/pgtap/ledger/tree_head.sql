begin;
select plan(10);
\ir ../helpers/refusal.psql
\ir ../helpers/guards.psql

select columns_are(
    'evident', 'tree_head',
    array['number', 'tree_size', 'root_hash', 'last_event_id', 'sealed_at'],
    'the table has its columns'
);
select col_is_pk('evident', 'tree_head', 'number', 'tree heads are numbered');
select results_eq(
    $$ select h.number, h.tree_size, h.root_hash, h.last_event_id
    from evident.tree_head as h
    order by h.number
    limit 1 $$,
    $$ values (
        1::bigint,
        0::bigint,
        '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'::bytea,
        0::bigint
    ) $$,
    'the first one has number 1 and is of the empty tree'
);
select is(
    pg_temp.permitted('select * from evident.tree_head'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may select it'
);
select is(pg_temp.writers('tree_head'), '{}', 'no role may write to it');
select is_empty(
    $$ select * from pg_temp.unguarded('tree_head', 'root_hash') $$,
    'each change is refused, to owner and superuser too'
);
select is(
    pg_temp.refusal(
        'insert into evident.tree_head (number, tree_size, root_hash, last_event_id) '
        'values (' || c.row || ')'
    ) ->> 'message',
    format(
        'new row for relation "tree_head" violates check constraint "%s"', c.name
    ),
    c.description || ' is not stored'
)
from (
    values
    ($$ 0, 1, sha256(''), 0 $$, 'tree_head_number_check', 'a number below 1'),
    ($$ 2, -1, sha256(''), 0 $$, 'tree_head_tree_size_check', 'a size below 0'),
    ($$ 2, 1, 'x', 0 $$, 'tree_head_root_hash_check', 'a root that is no hash')
) as c (row, name, description);

select is(
    (
        select a.attidentity::text || a.atthasdef::text
        from pg_attribute as a
        where a.attrelid = 'evident.tree_head'::regclass and a.attname = 'number'
    ),
    'false',
    'the number is not drawn: it would have gaps'
);

select * from finish();
rollback;
