begin;
select plan(6);
\ir helpers/refusal.psql
\ir helpers/documents.psql
\ir helpers/guards.psql
\ir helpers/ledger.psql

select columns_are(
    'evident', 'ledger_state',
    array[
        'is_only', 'head_number', 'attested_incarnation', 'attestation_sqlstate',
        'attestation_error', 'attestation_failed_at'
    ],
    'the state has its columns'
);
select throws_ok(
    $$ insert into evident.ledger_state (head_number, attested_incarnation)
    values (7, 1) $$,
    '23505', null,
    'there is never a second row'
);
select throws_ok(
    $$ insert into evident.ledger_state (is_only, head_number, attested_incarnation)
    values (false, 7, 1) $$,
    '23514', null,
    'nor one of another kind'
);
select is(
    pg_temp.permitted('select * from evident.ledger_state'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may select it'
);
select is(pg_temp.writers('ledger_state'), '{}', 'no role may write to it');
select pg_temp.happen(3), evident.seal(), pg_temp.happen(3), evident.seal();
select results_eq(
    'select s.head_number, s.attested_incarnation from evident.ledger_state as s',
    $$ values ((evident._tree_head()).number, 1) $$,
    'it knows the newest tree head'
);

select * from finish();
rollback;
