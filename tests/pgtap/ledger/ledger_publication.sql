begin;
select plan(7);
\ir ../helpers/refusal.psql
\ir ../helpers/guards.psql

select columns_are(
    'evident', 'ledger_publication',
    array[
        'number', 'incarnation', 'tree_size', 'checkpoint', 'published_at',
        'published_by'
    ],
    'the table has its columns'
);
select col_is_pk(
    'evident', 'ledger_publication', 'number', 'publications are numbered'
);
select is(
    pg_temp.permitted('select * from evident.ledger_publication'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may select it'
);
select is(pg_temp.writers('ledger_publication'), '{}', 'no role may write to it');
insert into evident.ledger_publication (incarnation, tree_size, checkpoint)
values (1, 0, 'a note');
select is_empty(
    $$ select * from pg_temp.unguarded('ledger_publication', 'checkpoint') $$,
    'each change is refused, to owner and superuser too'
);
select results_eq(
    $$ select p.checkpoint, p.published_by = session_user
    from evident.ledger_publication as p $$,
    $$ values ('a note', true) $$,
    'a publication is as it was stored, with who stored it'
);
select throws_ok(
    $$ insert into evident.ledger_publication (incarnation, tree_size, checkpoint)
    values (1, 0, repeat('x', 65537)) $$,
    '23514', null,
    'a checkpoint has 65536 bytes at most'
);

select * from finish();
rollback;
