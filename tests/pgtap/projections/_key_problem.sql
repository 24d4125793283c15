begin;
set local client_min_messages = warning;
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

-- Tables with a key of each type, and the text that the hint's function makes.

create schema other;
create domain other.short as text;
create type other.size as enum ('s', 'm');
grant usage on schema other to evident_projector;

-- Not every build of PostgreSQL has nondeterministic collations.
create function pg_temp.make_collation()
returns boolean
language plpgsql
as $function$
begin
    create collation other.caseless (
        provider = icu, locale = 'und-u-ks-level2', deterministic = false
    );
    return true;
exception
    when feature_not_supported then
        return false;
end;
$function$;
select pg_temp.make_collation() as has_icu \gset

create table pg_temp.kind (
    type text primary key, texts text[] not null, is_key boolean not null
);
insert into pg_temp.kind (type, texts, is_key)
values
('uuid', '{00000000-0000-7000-8000-00000000000a,00000000-0000-7000-8000-00000000000A}',
true),
('text', '{a}', true),
('text collate "C"', '{a}', true),
('smallint', '{7,07,+7}', true),
('integer', '{7,07,+7}', true),
('bigint', '{7,07,+7}', true),
('date', '{2026-01-02,20260102,2 Jan 2026}', true),
('boolean', '{t,true,yes,on,1}', true),
('numeric', '{1,1.0,1.00}', false),
('numeric(10,2)', '{1,1.0,1.00}', false),
('real', '{0,-0,0.0}', false),
('double precision', '{0,-0,0.0}', false),
('interval', '{1 day,24:00:00}', false),
('timestamptz', '{2026-01-01 00:00+00,2026-01-01 01:00+01}', false),
('timestamp', '{2026-01-01 00:00,2026-01-01T00:00:00}', false),
('time', '{01:00,01:00:00}', false),
('timetz', '{01:00+00,02:00+01}', false),
('bytea', '{\\x00ff,\\x00FF}', false),
('character(5)', '{a,"a "}', false),
('character varying(5)', '{a}', false),
('text collate other.caseless', '{a,A}', false),
('jsonb', '{1}', false),
('other.short', '{a}', false),
('other.size', '{s}', false);
delete from pg_temp.kind as k
where k.type like '%caseless' and not :'has_icu'::boolean;
select plan((select sum(2 - k.is_key::integer) from pg_temp.kind as k)::integer);

set local role evident_projector;
create function pg_temp.make(p_type text)
returns text
language plpgsql
as $function$
begin
    if to_regclass('evident."events_of_probe.keyed"') is not null then
        perform evident.drop_projection('probe.keyed');
    end if;
    if to_regclass('probe.keyed') is not null then
        drop table probe.keyed cascade;
    end if;
    execute format(
        'create table probe.keyed (k %s primary key, notes integer[])', p_type
    );
    create function probe.apply_keyed(p_row probe.keyed, p_event evident.event_store)
    returns probe.keyed
    language plpgsql
    immutable
    as $fold$
    begin
        p_row.notes := p_row.notes || (p_event.payload ->> 'note')::integer;
        return p_row;
    end;
    $fold$;
    create or replace function probe.keys_keyed(p_event evident.event_store)
    returns text
    language sql
    immutable
    return p_event.payload ->> 'k';
    return pg_temp.refusal(
        $$ select evident.create_projection(
            'probe.keyed', 'probe.apply_keyed(probe.keyed,evident.event_store)',
            '{Keyed}', 'async', 'probe.keys_keyed(evident.event_store)'
        ) $$
    );
end;
$function$;

-- The texts that the function in a hint makes of some texts.
create function pg_temp.canonical(p_hint text, p_texts text[])
returns text[]
language plpgsql
as $function$
declare
    v_texts text[];
begin
    execute substring(p_hint from 'create function.*$');
    select array_agg(distinct probe.key_of_keyed(e.event))
    into v_texts
    from unnest(p_texts) as t (text)
    cross join lateral (
        select
            null::bigint, null::uuid, null::integer, null::text,
            jsonb_build_object('k', t.text), null::jsonb, null::uuid,
            null::timestamptz, null::text
    ) as c
    cross join lateral (select row(c.*)::evident.event_store as event) as e;
    drop function probe.key_of_keyed(evident.event_store);
    return v_texts;
end;
$function$;

reset role;
grant select on table pg_temp.kind to evident_projector;
set local role evident_projector;

create temporary table made as
select
    k.type,
    k.texts,
    k.is_key,
    pg_temp.make(k.type)::jsonb as refusal
from pg_temp.kind as k
where not k.is_key;

select is(
    array[m.refusal ->> 'code', m.refusal #>> '{detail,argument}'],
    array['PT400', 'p_read_model'],
    'a key of type ' || m.type || ' is refused'
)
from made as m
order by m.type collate "C";
select is(
    cardinality(pg_temp.canonical(m.refusal ->> 'hint', m.texts)),
    1,
    'the hint shows how equal values of ' || m.type || ' become one text'
)
from made as m
order by m.type collate "C";

select is(
    pg_temp.make(k.type),
    null,
    'a key may be of type ' || k.type
)
from pg_temp.kind as k
where k.is_key
order by k.type collate "C";
reset role;

select * from finish();
rollback;
