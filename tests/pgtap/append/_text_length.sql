begin;
select plan(44);
\ir ../helpers/refusal.psql

create function pg_temp.numbers(p_number text, p_count integer)
returns jsonb
language sql
begin atomic
    select ('{"a":[' || repeat(p_number || ',', p_count - 1) || p_number || ']}')::jsonb;
end;

create function pg_temp.nested(p_levels integer)
returns jsonb
language sql
begin atomic
    select (
        '{"a":' || repeat('[', p_levels - 1) || repeat(']', p_levels - 1) || '}'
    )::jsonb;
end;

-- What is short as JSON and long as text, or the other way round. Expected is null
-- where the text is too long.
create temporary table document as
select
    d.name,
    d.payload,
    d.is_fine
from (
    values
    ('an empty object', '{}'::jsonb, true),
    ('a text of 1,048,576 bytes', jsonb_build_object('a', repeat('b', 1048567)), true),
    ('a text of a byte more', jsonb_build_object('a', repeat('b', 1048568)), false),
    (
        'two bytes a letter, 1,048,575 in all',
        jsonb_build_object('a', repeat(U&'\00e9', 524283)), true
    ),
    (
        'two bytes a letter, 1,048,577 in all',
        jsonb_build_object('a', repeat(U&'\00e9', 524284)), false
    ),
    ('seven numbers of 131,072 digits', pg_temp.numbers('1e131071', 7), true),
    ('eight numbers of 131,072 digits', pg_temp.numbers('1e131071', 8), false),
    ('8,300 numbers of 131,072 digits', pg_temp.numbers('1e131071', 8300), false),
    ('8,300 negative ones', pg_temp.numbers('-1e131071', 8300), false),
    ('63 zeros of 16,383 decimals', pg_temp.numbers('0e-16383', 63), true),
    ('110,000 zeros of 16,383 decimals', pg_temp.numbers('0e-16383', 110000), false),
    ('110,000 small fractions', pg_temp.numbers('1e-16383', 110000), false),
    ('110,000 digits', pg_temp.numbers('7', 110000), true),
    ('349,000 digits', pg_temp.numbers('7', 349000), true),
    ('350,000 digits', pg_temp.numbers('7', 350000), false),
    (
        'control characters',
        jsonb_build_object('a', repeat(U&'\0001', 174761)), true
    ),
    (
        'a control character more',
        jsonb_build_object('a', repeat(U&'\0001', 174762)), false
    ),
    ('1,000 levels', pg_temp.nested(1000), true),
    ('1,001 levels', pg_temp.nested(1001), false),
    ('10,000 levels', pg_temp.nested(9990), false)
) as d (name, payload, is_fine);

select is(
    evident._text_length(d.payload),
    case when d.is_fine then octet_length(d.payload::text)::bigint end,
    format('%s: the length of its text, or none', d.name)
)
from document as d;
select is(
    pg_temp.refused_argument(format(
        $$ select evident.append_event(
            gen_random_uuid(), 'Noted', d.payload, 0
        ) from document as d where d.name = %L $$, d.name
    )),
    case when d.is_fine then 'not refused' else 'p_payload' end,
    format('%s: stored or refused, by its length', d.name)
)
from document as d;
select is(
    pg_temp.refused_argument(c.call),
    c.argument,
    format('%s is named in the refusal', c.argument)
)
from (
    values
    (
        $$ select evident.append_event(
            gen_random_uuid(), 'Noted', '{}', null, pg_temp.numbers('1e131071', 20)
        ) $$,
        'p_metadata'
    ),
    (
        $$ select evident.append_events(gen_random_uuid(), jsonb_build_array(
            '{"type": "Noted", "payload": {}}'::jsonb,
            jsonb_build_object(
                'type', 'Noted', 'payload', pg_temp.numbers('1e131071', 20)
            )
        )) $$,
        'p_events[1].payload'
    ),
    (
        $$ select * from evident.append_batch(jsonb_build_array(
            jsonb_build_object('aggregate_id', gen_random_uuid(), 'events', '[
                {"type": "Noted", "payload": {}}
            ]'::jsonb),
            jsonb_build_object('aggregate_id', gen_random_uuid(), 'events',
                jsonb_build_array(jsonb_build_object(
                    'type', 'Noted', 'payload', '{}'::jsonb,
                    'metadata', pg_temp.numbers('1e131071', 20)
                ))
            )
        )) $$,
        'p_appends[1].events[0].metadata'
    ),
    (
        $$ select evident.append_events(gen_random_uuid(), (
            select jsonb_agg(jsonb_build_object(
                'type', 'Noted', 'payload', pg_temp.numbers('1e131071', 7)
            ))
            from generate_series(1, 20)
        )) $$,
        'p_events'
    )
) as c (call, argument);

select * from finish();
rollback;
