begin;
select plan(17);

select is(
    evident._event_problem(c.event::jsonb),
    null,
    format('there is nothing wrong with %s', c.event)
)
from (
    values
    ('{"type": "a", "payload": {}}'),
    ('{"type": "a", "payload": {}, "metadata": {}}'),
    ('{"type": "a", "payload": {}, "event_id": null}'),
    (
        '{"type": "a", "payload": {"b": [1]}, "metadata": {"c": null}, '
        '"event_id": "01900000-0000-7000-8000-00000000000a"}'
    )
) as c (event);
select is(
    (evident._event_problem(c.event::jsonb))[1:2],
    array[c.path, c.reason],
    format('the problem of %s is told', c.event)
)
from (
    values
    ('1', '', 'not a JSON object'),
    ('null', '', 'not a JSON object'),
    ('[]', '', 'not a JSON object'),
    ('{"type": "a", "payload": {}, "Metadata": {}}', '', 'has an unknown key'),
    ('{"payload": {}}', '.type', 'not a text of 1 to 100 characters'),
    ('{"type": "", "payload": {}}', '.type', 'not a text of 1 to 100 characters'),
    ('{"type": ["a"], "payload": {}}', '.type', 'not a text of 1 to 100 characters'),
    ('{"type": "a"}', '.payload', 'not a JSON object'),
    ('{"type": "a", "payload": null}', '.payload', 'not a JSON object'),
    ('{"type": "a", "payload": {}, "metadata": 1}', '.metadata', 'not a JSON object'),
    ('{"type": "a", "payload": {}, "event_id": "b"}', '.event_id', 'not a UUID'),
    ('{"type": "", "payload": 1}', '.type', 'not a text of 1 to 100 characters')
) as c (event, path, reason);
select is_empty(
    $$ select c.event
    from unnest(array['1', '{}', '{"type": "a"}', '{"a": 1}']) as c (event)
    where coalesce((evident._event_problem(c.event::jsonb))[3], '') = '' $$,
    'each problem has a hint'
);

select * from finish();
rollback;
