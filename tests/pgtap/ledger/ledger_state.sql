begin;
select plan(8);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/guards.psql
\ir ../helpers/ledger.psql

select columns_are(
    'evident', 'ledger_state',
    array[
        'is_only', 'head_number', 'attestation_sqlstate', 'attestation_error',
        'attestation_failed_at'
    ],
    'the state has its columns'
);
select throws_ok(
    $$ insert into evident.ledger_state (head_number) values (7) $$,
    '23505', null,
    'there is never a second row'
);
select throws_ok(
    $$ insert into evident.ledger_state (is_only, head_number) values (false, 7) $$,
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
    'select s.head_number from evident.ledger_state as s',
    $$ values ((evident._tree_head()).number) $$,
    'it knows the newest tree head'
);

delete from evident.ledger_state;
select is(
    pg_temp.refusal(c.call)::jsonb - array['message', 'hint'],
    '{"code": "PT500", "detail": {"reason": "ledger_state has no row"}}'::jsonb,
    'without its row it is an error: ' || c.call
)
from (
    values ('select evident.seal()'), ($$ select evident.begin_incarnation('r') $$)
) as c (call);

select * from finish();
rollback;
