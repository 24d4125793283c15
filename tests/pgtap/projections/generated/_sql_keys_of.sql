begin;
select plan(41);
\ir ../../helpers/refusal.psql
\ir ../../helpers/documents.psql
\ir ../../helpers/projections.psql

-- A read model for each type of key, kept in both modes, and events that write one
-- value in three ways. A note that is no number makes the fold fail.

create function pg_temp.make(p_type text, p_mode text)
returns void
language plpgsql
as $function$
declare
    v_name constant text := p_type || '_' || p_mode;
begin
    execute format(
        $sql$
        create table probe.%1$s (k %2$s primary key, notes integer[]);
        create function probe.apply_%1$s(p_row probe.%1$s, p_event evident.event_store)
        returns probe.%1$s
        language plpgsql
        immutable
        as $fold$
        begin
            p_row.notes := p_row.notes || (p_event.payload ->> 'note')::integer;
            return p_row;
        end;
        $fold$;
        create function probe.keys_%1$s(p_event evident.event_store)
        returns text
        language sql
        immutable
        return p_event.payload ->> 'k';
        alter table probe.%1$s owner to evident_projector;
        alter function probe.apply_%1$s(probe.%1$s, evident.event_store)
        owner to evident_projector;
        alter function probe.keys_%1$s(evident.event_store) owner to evident_projector;
        $sql$,
        v_name, p_type
    );
    perform evident.create_projection(
        ('probe.' || v_name)::regclass,
        format('probe.apply_%1$s(probe.%1$s,evident.event_store)', v_name)
        ::regprocedure,
        array[v_name],
        p_mode,
        format('probe.keys_%s(evident.event_store)', v_name)::regprocedure
    );
    -- What other tests have left in the store.
    perform evident.run_projection('probe.' || v_name, 1000000);
end;
$function$;

create function pg_temp.append(p_type text, p_mode text, p_key text, p_note text)
returns bigint
language sql
volatile
begin atomic
    select evident.append_event(
        gen_random_uuid(),
        p_type || '_' || p_mode,
        jsonb_build_object('k', p_key, 'note', p_note)
    );
    select evident.run_projection('probe.' || p_type || '_' || p_mode);
end;

create function pg_temp.rows(p_type text, p_mode text)
returns jsonb
language plpgsql
as $function$
declare
    v_rows jsonb;
begin
    execute format(
        'select coalesce(jsonb_object_agg(t.k::text, t.notes), ''{}'') from probe.%s_%s'
        ' as t',
        p_type, p_mode
    )
    into v_rows;
    return v_rows;
end;
$function$;

create table pg_temp.kind (type text primary key, texts text[]);
insert into pg_temp.kind (type, texts)
values
('smallint', '{7,07,+7}'),
('integer', '{7,07,+7}'),
('bigint', '{7,07,+7}'),
('date', '{2026-01-02,20260102,2 Jan 2026}'),
('boolean', '{true,yes,on}'),
('uuid',
'{00000000-0000-7000-8000-00000000000a,00000000-0000-7000-8000-00000000000A,'
'"{00000000-0000-7000-8000-00000000000a}"}');

select pg_temp.make(k.type, m.mode)
from pg_temp.kind as k
cross join (values ('sync'), ('async')) as m (mode);

select pg_temp.append(k.type, 'sync', t.text, t.number::text)
from pg_temp.kind as k
cross join unnest(k.texts) with ordinality as t (text, number)
order by k.type, t.number;
select is(
    pg_temp.rows(k.type, 'sync'),
    jsonb_build_object(k.texts[1], '[1, 2, 3]'::jsonb),
    'each text of a ' || k.type || ' is the same key, where appends keep it'
)
from pg_temp.kind as k
order by k.type collate "C";

select
    pg_temp.append(k.type, 'async', k.texts[1], 'x'),
    pg_temp.append(k.type, 'async', k.texts[2], '2')
from pg_temp.kind as k;
select is(
    pg_temp.rows(k.type, 'async'),
    '{}'::jsonb,
    'an event waits behind a parked one, whichever text of the ' || k.type || ' it has'
)
from pg_temp.kind as k
order by k.type collate "C";
select is(
    (
        select array_agg(f.key)
        from evident.projection_failure as f
        where f.projection = format('probe.%s_async', k.type)
    ),
    k.texts[1:1],
    'one ' || k.type || ' is parked'
)
from pg_temp.kind as k
order by k.type collate "C";
select is(
    evident.retry_failure(format('probe.%s_async', k.type), k.texts[3]),
    0::bigint,
    'each text of a ' || k.type || ' may be retried'
)
from pg_temp.kind as k
order by k.type collate "C";
select is(
    evident.skip_failure(format('probe.%s_async', k.type), k.texts[3], 'a', 'b'),
    1::bigint,
    'or skipped'
)
from pg_temp.kind as k
order by k.type collate "C";
select is(
    array[
        pg_temp.rows(k.type, 'async') -> k.texts[1],
        evident.project(format('probe.%s_async', k.type), k.texts[2]) -> 'notes',
        to_jsonb(
            (
                select count(*)
                from evident.verify_projection(
                    format('probe.%s_async', k.type), k.texts[3]
                )
            )
        ),
        to_jsonb(evident.rebuild_projection(format('probe.%s_async', k.type)))
    ],
    array['[2]', '[2]', '0', '0']::jsonb[],
    'table, look back, drift check and rebuild agree about a ' || k.type
)
from pg_temp.kind as k
order by k.type collate "C";

-- What can be no key.

select pg_temp.make('text', 'sync');
select is(
    pg_temp.refusal(
        format('select pg_temp.append(%L, %L, %s, %L)', c.type, 'sync', c.key, '1')
    )
    -> 'detail',
    jsonb_build_object('argument', 'key', 'reason', c.reason),
    c.description || ' is refused'
)
from (
    values
    ('date', $$ 'Tomorrow' $$, 'no fixed day', 'a day that is another one tomorrow'),
    ('text', $$ repeat('x', 1001) $$, 'too long', 'a key that fits in no index'),
    ('integer', $$ '1_000' $$, 'not decimal', 'a number that is none on 15'),
    ('bigint', $$ '0x10' $$, 'not decimal', 'and one of another base')
) as c (type, key, reason, description);
select pg_temp.append('date', 'async', 'today', '1');
select is(
    (
        select array[f.key, f.code]
        from evident.projection_failure as f
        where f.projection = 'probe.date_async'
    ),
    array['', 'PT400'],
    'and in the background stops the projection, since its keys cannot be told'
);

select * from finish();
rollback;
