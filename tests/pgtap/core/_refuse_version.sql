begin;
select plan(2);
\ir ../helpers/refusal.psql

select is(
    pg_temp.refusal($$
        select evident._refuse_version('01900000-0000-7000-8000-000000000001', 2, 3)
    $$) - 'hint',
    '{
        "code": "PT409",
        "message": "aggregate 01900000-0000-7000-8000-000000000001 is at version 3, expected 2",
        "detail": {"conflicts": [{
            "aggregate_id": "01900000-0000-7000-8000-000000000001",
            "expected": 2,
            "actual": 3
        }]}
    }'::jsonb,
    'one conflict is told like several'
);
select is(
    pg_temp.refusal($$
        select evident._refuse_version('01900000-0000-7000-8000-000000000001', -1, 0)
    $$) ->> 'code',
    'PT404',
    'an aggregate that must exist is missed'
);

select * from finish();
rollback;
