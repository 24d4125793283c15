begin;
select plan(1);
\ir helpers/refusal.psql

select is(
    pg_temp.refusal($$ select evident._refuse_consumer('my "relay"') $$),
    '{
        "code": "PT404",
        "message": "consumer my \"relay\" does not exist",
        "detail": {"name": "my \"relay\""},
        "hint": "check the name, or create it with create_consumer"
    }'::jsonb,
    'PT404 carries the name as JSON, and a hint'
);

select * from finish();
rollback;
