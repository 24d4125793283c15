begin;
select plan(2);
\ir ../helpers/refusal.psql

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
select is(
    pg_temp.refusal($$ select evident._refuse_consumer(repeat('x', 5000000)) $$)
    #>> '{detail,name}',
    'sha256 ' || encode(sha256(convert_to(repeat('x', 5000000), 'UTF8')), 'hex'),
    'a long name is not repeated, its hash is'
);

select * from finish();
rollback;
