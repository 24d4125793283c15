begin;
select plan(1);
\ir ../helpers/refusal.psql

select is(
    pg_temp.refusal($$ select evident._refuse_argument(
        'p_events[2].type', 'not "good"', 'give another'
    ) $$),
    '{
        "code": "PT400",
        "message": "invalid argument p_events[2].type: not \"good\"",
        "detail": {"argument": "p_events[2].type", "reason": "not \"good\""},
        "hint": "give another"
    }'::jsonb,
    'PT400 carries the argument and the reason as JSON, and the hint'
);

select * from finish();
rollback;
