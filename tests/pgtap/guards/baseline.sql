begin;
select plan(7);
\ir ../helpers/refusal.psql
\ir ../helpers/guards.psql

select columns_are(
    'evident', 'baseline',
    array[
        'number', 'projection', 'kind', 'name', 'state', 'server', 'recorded_at',
        'recorded_by'
    ],
    'the table has its columns'
);
select col_is_pk('evident', 'baseline', 'number', 'rows are numbered');
select is(
    (select array[min(b.number), max(b.number)] from evident.baseline as b),
    (select array[1, count(*)] from evident.baseline as b),
    'from 1, without a gap'
);
select is(
    pg_temp.permitted('select * from evident.baseline'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may select it'
);
select is(pg_temp.writers('baseline'), '{}', 'no role may write to it');
select is_empty(
    $$ select * from pg_temp.unguarded('baseline', 'state') $$,
    'each change is refused, to owner and superuser too'
);
select is(
    pg_temp.refusal(
        $$ insert into evident.baseline (number, kind, name, server)
        values (0, 'function', 'evident.none()', 18) $$
    ) ->> 'message',
    'new row for relation "baseline" violates check constraint "baseline_number_check"',
    'a number below 1 is not stored'
);

select * from finish();
rollback;
