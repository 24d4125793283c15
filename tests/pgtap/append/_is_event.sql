begin;
select plan(13);

select is(
    evident._is_event(
        '01900000-0000-7000-8000-00000000000a', c.event_type, c.payload::jsonb,
        c.metadata::jsonb
    ),
    c.answer,
    format(
        'type %s, payload %s, metadata %s: %s', coalesce(left(c.event_type, 9), 'null'),
        coalesce(c.payload, 'null'), coalesce(c.metadata, 'null'),
        coalesce(c.answer::text, 'null')
    )
)
from (
    values
    ('a', '{}', '{}', true),
    (repeat('a', 100), '{"b": null}', '{"c": [1]}', true),
    (repeat(U&'\00e9', 100), '{}', '{}', true),
    (repeat('a', 101), '{}', '{}', false),
    ('', '{}', '{}', false),
    (null, '{}', '{}', null),
    ('a', '[]', '{}', false),
    ('a', '1', '{}', false),
    ('a', null, '{}', null),
    ('a', '{}', '"b"', false),
    ('a', '{}', null, true)
) as c (event_type, payload, metadata, answer);
select is(
    evident._is_event(null, 'a', '{}', '{}'),
    null,
    'an event without an aggregate is none'
);
select is(
    evident._is_event('00000000-0000-0000-0000-000000000000', 'a', '{}', '{}'),
    false,
    'an event of the store''s own aggregate is none'
);
select * from finish();
rollback;
