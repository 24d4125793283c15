begin;
select plan(8);
\ir ../helpers/refusal.psql
\ir ../helpers/guards.psql

select columns_are(
    'evident', 'log_identity',
    array[
        'incarnation', 'log_id', 'name', 'reason', 'tree_size', 'begun_at', 'begun_by'
    ],
    'the table has its columns'
);
select col_is_pk(
    'evident', 'log_identity', 'incarnation', 'incarnations are numbered'
);
select results_eq(
    $$ select i.incarnation, i.name, i.reason, i.tree_size
    from evident.log_identity as i $$,
    $$ values (1, 'evident', 'installed', 0::bigint) $$,
    'an installation begins the first incarnation'
);
select is(
    pg_temp.permitted('select * from evident.log_identity'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may select it'
);
select is(pg_temp.writers('log_identity'), '{}', 'no role may write to it');
select is_empty(
    $$ select * from pg_temp.unguarded('log_identity', 'name') $$,
    'each change is refused, to owner and superuser too'
);
select is(
    pg_temp.refusal(
        $$ insert into evident.log_identity (
            incarnation, log_id, name, reason, tree_size
        )
        values (0, gen_random_uuid(), 'n', 'r', 0) $$
    ) ->> 'code',
    '23514',
    'incarnations count from 1'
);
select is(
    pg_temp.refusal(
        $$ insert into evident.log_identity (
            incarnation, log_id, name, reason, tree_size
        )
        values (2, gen_random_uuid(), 'n', rpad('r', 1001), 0) $$
    ) ->> 'code',
    '23514',
    'a reason has 1000 characters at most'
);

select * from finish();
rollback;
