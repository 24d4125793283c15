begin;
select plan(14);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

-- Events, and their bytes as the format's description says, field by field.

create function pg_temp.plain()
returns evident.event_store
language sql
immutable
return row(
    7, pg_temp.task(1), 3, 'TaskNoted', '{"note": 7}', '{}', pg_temp.event_id(7),
    '2026-11-24 22:05:57.123456+00', 'carol'
)::evident.event_store;

create function pg_temp.odd()
returns evident.event_store
language sql
immutable
return row(
    9223372036854775807, pg_temp.task(1), 2147483647,
    -- Backslashes, a quote, a space, letters of two bytes, a sign of four.
    U&'\\x41\\101 "\017E\00FCge\+01F600', U&'{"n": 1.50, "a": "\00FC\\\\"}'::jsonb,
    '{"x": null}', pg_temp.event_id(7), 'infinity', 'a\b'
)::evident.event_store;

select is(
    evident.leaf_entry(pg_temp.plain()),
    convert_to(e'evident.event.v1\n', 'UTF8')
    || '\x0000000000000007'::bytea
    || '\x01900000000070009000000000000007'::bytea
    || '\x01900000000070008000000000000001'::bytea
    || '\x00000003'::bytea
    -- 848873157123456 microseconds since 2000-01-01.
    || '\x0003040baefd5d80'::bytea
    || '\x00000009'::bytea || convert_to('TaskNoted', 'UTF8')
    || '\x00000005'::bytea || convert_to('carol', 'UTF8')
    || sha256(convert_to('{"note": 7}', 'UTF8'))
    || sha256(convert_to('{}', 'UTF8'))
    || decode(repeat('00', 32), 'hex'),
    'an entry holds the fields in their order'
);
select is(
    encode(sha256(evident.leaf_entry(pg_temp.plain())), 'hex'),
    '9f936619842f0f9cfd8f84661a420aa1cd3c9c0a6353c3473eb9331215da2738',
    'an entry is what another language makes of the same event'
);
select is(
    encode(sha256(evident.leaf_entry(pg_temp.odd())), 'hex'),
    'a91fcfceadaa52264797571ce9e43352ddc38ac93b490d6d41a1e445f2b8de4a',
    'so is that of an event with odd names, numbers and an endless date'
);
select is(
    octet_length(evident.leaf_entry(pg_temp.plain())), 173 + 14,
    'an entry has 173 bytes and those of the two names'
);
select is(
    evident.leaf_hash(pg_temp.odd()),
    sha256('\x00'::bytea || evident.leaf_entry(pg_temp.odd())),
    'a leaf is hashed with a zero byte in front'
);

-- What a session says does not matter.

create function pg_temp.under(p_setting text, p_value text)
returns bytea
language plpgsql
as $function$
declare
    v_entry bytea;
begin
    perform set_config(p_setting, p_value, true);
    v_entry := evident.leaf_entry(pg_temp.plain())
        || evident.leaf_entry(pg_temp.odd());
    perform set_config(p_setting, s.reset_val, true)
    from pg_settings as s
    where s.name = p_setting;
    return v_entry;
end;
$function$;

select is(
    pg_temp.under(s.name, s.value),
    evident.leaf_entry(pg_temp.plain()) || evident.leaf_entry(pg_temp.odd()),
    format('an entry is the same with %s = %s', s.name, s.value)
)
from (
    values
    ('TimeZone', 'Asia/Kathmandu'),
    ('DateStyle', 'German'),
    ('IntervalStyle', 'iso_8601'),
    ('client_encoding', 'LATIN1'),
    ('bytea_output', 'escape'),
    ('extra_float_digits', '-15'),
    ('standard_conforming_strings', 'off'),
    ('search_path', 'pg_temp')
) as s (name, value);

select is(
    pg_temp.permitted(
        'select evident.leaf_entry(e) from evident.event_store as e'
    ),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'who may read events may make their entries'
);

select * from finish();
rollback;
