begin;
select plan(3);
\ir ../helpers/refusal.psql

select is(
    pg_temp.refusal(format('select evident._refuse_versions(%L)', c.conflicts)),
    jsonb_build_object(
        'code', c.code, 'message', c.message, 'detail', c.detail, 'hint', c.hint
    ),
    c.description
)
from (
    values
    (
        '[
            {"aggregate_id": "a", "expected": 1, "actual": 3},
            {"aggregate_id": "b", "expected": -1, "actual": 0}
        ]',
        'PT409', 'aggregate a is at version 3, expected 1',
        '{"conflicts": [
            {"aggregate_id": "a", "expected": 1, "actual": 3},
            {"aggregate_id": "b", "expected": -1, "actual": 0}
        ]}'::jsonb,
        'reload the aggregate and decide again',
        'PT409 carries all conflicts and names the first'
    ),
    (
        '[
            {"aggregate_id": "b", "expected": -1, "actual": 0},
            {"aggregate_id": "a", "expected": 0, "actual": 3}
        ]',
        'PT409', 'aggregate b is at version 0, expected any that exists',
        '{"conflicts": [
            {"aggregate_id": "b", "expected": -1, "actual": 0},
            {"aggregate_id": "a", "expected": 0, "actual": 3}
        ]}',
        'reload the aggregate and decide again',
        'PT409 puts -1 into words'
    ),
    (
        '[{"aggregate_id": "b", "expected": -1, "actual": 0}]',
        'PT404', 'aggregate b does not exist',
        '{
            "name": "b",
            "conflicts": [{"aggregate_id": "b", "expected": -1, "actual": 0}]
        }',
        'check the aggregate_id, or append with expected version 0 '
        'to create the aggregate',
        'PT404 stands for aggregates that must exist and do not'
    )
) as c (conflicts, code, message, detail, hint, description);

select * from finish();
rollback;
