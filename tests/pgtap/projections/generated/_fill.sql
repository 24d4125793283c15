begin;
select plan(13);
\ir ../../helpers/refusal.psql

select is(
    evident._fill(c.template, c.slots::jsonb), c.filled, c.description
)
from (
    values
    ('select {key} from {table}', '{"key": "a", "table": "b"}', 'select a from b',
    'each slot has its value'),
    ('{key}{key} {key}', '{"key": "a"}', 'aa a', 'as often as it stands there'),
    ('{a}{b}', '{"a": "{b}", "b": "{a}"}', '{b}{a}',
    'a value that looks like a slot is not filled again'),
    ('{a}}', '{"a": "{"}', '{}', 'nor does one make a slot with what is around it'),
    ('{a}{b}', '{"a": "", "b": 7}', '7', 'a value may be empty, and be a number'),
    ('{} {A} { a} {a {{a}', '{"a": "x"}', '{} {A} { a} {a {x',
    'other braces stay as they are'),
    ('a} %1$s %I', '{}', 'a} %1$s %I', 'a template may have no slot'),
    ('', '{}', '', 'and be empty')
) as c (template, slots, filled, description);

select is(
    (pg_temp.refusal(format('select evident._fill(%L, %L)', c.template, c.slots)))
    - 'hint',
    jsonb_build_object(
        'code', 'XX000',
        'message', 'a template and its values do not fit: ' || c.wrong,
        'detail', jsonb_build_object('slots', c.wrong)::text
    ),
    c.description
)
from (
    values
    ('{key} {table}', '{"key": "a"}', '{table}', 'a slot without a value is an error'),
    ('{key}', '{"key": null}', '{key}', 'so is one whose value is null'),
    ('{key}', '{"key": "a", "kye": "b"}', '{kye}', 'and a value without a slot'),
    ('{b} {a}', '{}', '{a}, {b}', 'all of them are named'),
    ('{a}', null, '{a}', 'also where there are no values at all')
) as c (template, slots, wrong, description);

select * from finish();
rollback;
