begin;
select plan(16);

select is(
    evident._is_uuid(c.value::jsonb),
    c.answer,
    format('%s is %sa UUID', c.value, case when c.answer then '' else 'not ' end)
)
from (
    values
    ('"01900000-0000-7000-8000-00000000000a"', true),
    ('"01900000-0000-7000-8000-00000000000A"', true),
    ('"0190000000007000800000000000000a"', true),
    ('"{01900000-0000-7000-8000-00000000000a}"', false),
    ('"01900000-0000-7000-8000-00000000000"', false),
    ('"01900000-0000-7000-8000-00000000000aa"', false),
    ('"01900000-0000-7000-8000-00000000000g"', false),
    ('"01900000-0000-7000-8000-00000000000a\n"', false),
    ('" 01900000-0000-7000-8000-00000000000a"', false),
    ('"01900000-0000-7000-8000--0000000000a"', false),
    ('""', false),
    ('1', false),
    ('null', false),
    ('["01900000-0000-7000-8000-00000000000a"]', false)
) as c (value, answer);
select is(
    evident._is_uuid(null),
    false,
    'an absent value is not a UUID'
);
select lives_ok(
    $$ select '0190000000007000800000000000000a'::uuid $$,
    'what is a UUID can be cast to it'
);

select * from finish();
rollback;
