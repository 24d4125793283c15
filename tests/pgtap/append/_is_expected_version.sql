begin;
select plan(18);

select is(
    evident._is_expected_version(c.value::jsonb),
    c.answer,
    format(
        '%s is %san expected version', coalesce(c.value, 'an absent value'),
        case when c.answer then '' else 'not ' end
    )
)
from (
    values
    (null, true),
    ('null', true),
    ('-1', true),
    ('0', true),
    ('1', true),
    ('2147483647', true),
    ('2147483648', true),
    ('9223372036854775807', true),
    ('9223372036854775808', false),
    ('99999999999999999999', false),
    ('-2', false),
    ('1.5', false),
    ('1.0', false),
    ('"1"', false),
    ('""', false),
    ('true', false),
    ('[1]', false),
    ('{}', false)
) as c (value, answer);

select * from finish();
rollback;
