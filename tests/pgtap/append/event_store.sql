begin;
select plan(80);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

-- The table.

select results_eq(
    $$ select
        a.attname::text collate "default",
        format_type(a.atttypid, a.atttypmod) collate "default",
        a.attnotnull,
        a.attidentity::text collate "default",
        pg_get_expr(d.adbin, d.adrelid) collate "default"
    from pg_attribute as a
    left join pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
    where
        a.attrelid = 'evident.event_store'::regclass
        and a.attnum > 0
        and not a.attisdropped
    order by a.attnum $$,
    $$ values
    ('id', 'bigint', true, 'a', null),
    ('aggregate_id', 'uuid', true, '', null),
    ('version', 'integer', true, '', null),
    ('event_type', 'text', true, '', null),
    ('payload', 'jsonb', true, '', null),
    ('metadata', 'jsonb', true, '', $d$'{}'::jsonb$d$),
    ('event_id', 'uuid', true, '', 'evident._uuid_v7()'),
    ('occurred_at', 'timestamp with time zone', true, '', 'evident._now()'),
    (
        'recorded_by', 'text', true, '',
        e'\nCASE\n    WHEN evident.require_utf8() THEN (SESSION_USER)::text\n'
        '    ELSE NULL::text\nEND'
    ) $$,
    'the columns have their types and defaults, and none may be null'
);
select results_eq(
    $$ select
        c.conname::text collate "default",
        pg_get_constraintdef(c.oid) collate "default"
    from pg_constraint as c
    where c.conrelid = 'evident.event_store'::regclass and c.contype <> 'n'
    order by 1 $$,
    $$ values
    ('event_store_aggregate_id_version_key', 'UNIQUE (aggregate_id, version)'),
    ('event_store_event_id_key', 'UNIQUE (event_id)'),
    (
        'event_store_event_type_check',
        $d$CHECK ((char_length(event_type) <@ '[1,101)'::int4range))$d$
    ),
    ('event_store_id_pkey', 'PRIMARY KEY (id)'),
    (
        'event_store_metadata_check',
        $d$CHECK ((metadata @> '{}'::jsonb))$d$
    ),
    (
        'event_store_payload_check',
        $d$CHECK ((payload @> '{}'::jsonb))$d$
    ),
    ('event_store_version_check', 'CHECK ((version > 0))') $$,
    'the constraints have their names and definitions'
);
select results_eq(
    $$ select
        i.indexrelid::regclass::text collate "default",
        m.amname::text collate "default",
        i.indisunique
    from pg_index as i
    inner join pg_class as c on i.indexrelid = c.oid
    inner join pg_am as m on c.relam = m.oid
    where i.indrelid = 'evident.event_store'::regclass
    order by 1 $$,
    $$ values
    ('evident.event_store_aggregate_id_version_key', 'btree', true),
    ('evident.event_store_event_id_key', 'btree', true),
    ('evident.event_store_id_pkey', 'btree', true),
    ('evident.event_store_occurred_at_idx', 'brin', false) $$,
    'the indexes are those of the keys and a block range index on occurred_at'
);
select results_eq(
    $$ select s.seqcache, s.seqincrement, s.seqcycle
    from pg_sequence as s
    where s.seqrelid = 'evident.event_store_id_seq'::regclass $$,
    $$ values (1::bigint, 1::bigint, false) $$,
    'ids are drawn one by one, since a cache would break the feed'
);
select is(
    pg_get_serial_sequence('evident.event_store', 'id'),
    'evident.event_store_id_seq',
    'ids come from the sequence that the feed looks at'
);

-- The constraints hold against an owner's own insert, too.

insert into evident.event_store (aggregate_id, version, event_type, payload, event_id)
values
(pg_temp.task(1), 1, 'TaskCreated', '{}', pg_temp.event_id(1)),
(pg_temp.task(1), 2, 'TaskDone', '{}', pg_temp.event_id(2));

select is(
    pg_temp.refusal(
        'insert into evident.event_store '
        '(aggregate_id, version, event_type, payload, metadata, event_id) '
        'values (' || c.row || ')'
    ) ->> 'message',
    c.message,
    c.description || ' is not stored'
)
from (
    values
    (
        $$ pg_temp.task(1), 2, 'TaskDone', '{}', '{}', pg_temp.event_id(3) $$,
        'duplicate key value violates unique constraint '
        '"event_store_aggregate_id_version_key"',
        'a version that is taken'
    ),
    (
        $$ pg_temp.task(2), 1, 'TaskDone', '{}', '{}', pg_temp.event_id(2) $$,
        'duplicate key value violates unique constraint '
        '"event_store_event_id_key"',
        'an event_id that is taken'
    ),
    (
        $$ pg_temp.task(2), 0, 'TaskDone', '{}', '{}', pg_temp.event_id(3) $$,
        'new row for relation "event_store" violates check constraint '
        '"event_store_version_check"',
        'version 0'
    ),
    (
        $$ pg_temp.task(2), 1, '', '{}', '{}', pg_temp.event_id(3) $$,
        'new row for relation "event_store" violates check constraint '
        '"event_store_event_type_check"',
        'an empty type'
    ),
    (
        $$ pg_temp.task(2), 1, repeat('x', 101), '{}', '{}', pg_temp.event_id(3) $$,
        'new row for relation "event_store" violates check constraint '
        '"event_store_event_type_check"',
        'a type of 101 characters'
    ),
    (
        $$ pg_temp.task(2), 1, 'TaskDone', '[]', '{}', pg_temp.event_id(3) $$,
        'new row for relation "event_store" violates check constraint '
        '"event_store_payload_check"',
        'an array as payload'
    ),
    (
        $$ pg_temp.task(2), 1, 'TaskDone', '{}', 'null', pg_temp.event_id(3) $$,
        'new row for relation "event_store" violates check constraint '
        '"event_store_metadata_check"',
        'JSON null as metadata'
    )
) as c (row, message, description);

-- The guards. A superuser runs the tests; the owner is tried beside it.

create function pg_temp.guarded(p_role text, p_is_replica boolean, p_statement text)
returns text
language plpgsql
as $function$
declare
    v_refusal jsonb;
begin
    if p_is_replica then
        set local session_replication_role = replica;
    end if;
    perform set_config('role', p_role, true);
    v_refusal := pg_temp.refusal(p_statement);
    set local role none;
    set local session_replication_role = origin;
    if v_refusal ->> 'code' = 'PT403'
        and v_refusal -> 'detail' ->> 'table' = 'evident.event_store'
        and (v_refusal -> 'detail') - array['table', 'operation'] = '{}'
        and v_refusal ->> 'hint' <> ''
    then
        return v_refusal -> 'detail' ->> 'operation';
    end if;
    return coalesce(v_refusal::text, 'not refused');
end;
$function$;

select is(
    pg_temp.guarded(r.name, w.is_replica, s.statement),
    s.operation,
    format(
        '%s is refused to %s%s', s.description,
        case when r.name = 'none' then 'a superuser' else r.name end,
        case when w.is_replica then ' that applies replicated changes' else '' end
    )
)
from (
    values
    (
        1, 'UPDATE',
        $$ update evident.event_store set payload = '{"forged": true}' $$,
        'an update'
    ),
    (
        2, 'UPDATE',
        $$ update evident.event_store set version = version where false $$,
        'an update of no row'
    ),
    (
        3, 'DELETE',
        $$ delete from evident.event_store $$,
        'a delete'
    ),
    (
        4, 'DELETE',
        $$ delete from evident.event_store where id = -1 $$,
        'a delete of no row'
    ),
    (
        5, 'TRUNCATE',
        $$ truncate evident.event_store $$,
        'a truncate'
    ),
    (
        6, 'TRUNCATE',
        $$ truncate evident.event_store restart identity cascade $$,
        'a truncate that cascades'
    ),
    (
        7, 'UPDATE',
        $$ merge into evident.event_store as e
        using (values (1)) as v (version) on e.version = v.version
        when matched then update set payload = '{"forged": true}' $$,
        'a merge that updates'
    ),
    (
        8, 'DELETE',
        $$ merge into evident.event_store as e
        using (values (1)) as v (version) on e.version = v.version
        when matched then delete $$,
        'a merge that deletes'
    ),
    (
        9, 'UPDATE',
        $$ merge into evident.event_store as e
        using (values (-1)) as v (version) on e.version = v.version
        when matched then update set payload = '{"forged": true}' $$,
        'a merge that would update but finds no row'
    ),
    (
        10, 'UPDATE',
        $$ insert into evident.event_store as e (
            aggregate_id, version, event_type, payload
        )
        values ('01900000-0000-7000-8000-000000000001', 1, 'Forged', '{}')
        on conflict (aggregate_id, version) do update
        set event_type = excluded.event_type $$,
        'an insert that updates on conflict'
    ),
    (
        11, 'UPDATE',
        $$ insert into evident.event_store as e (
            aggregate_id, version, event_type, payload
        )
        values ('01900000-0000-7000-8000-000000000002', 1, 'Forged', '{}')
        on conflict (aggregate_id, version) do update
        set event_type = excluded.event_type $$,
        'an insert that would update but meets no conflict'
    ),
    (
        12, 'DELETE',
        $$ with gone as (delete from evident.event_store returning id)
        select count(*) from gone $$,
        'a delete within a query'
    )
) as s (number, operation, statement, description)
cross join unnest(array['evident_owner', 'none']) as r (name)
cross join unnest(array[false, true]) as w (is_replica)
order by s.number, r.name, w.is_replica;
select is(
    pg_temp.refusal('delete from evident.event_store'),
    '{
        "code": "PT403",
        "message": "DELETE of evident.event_store refused: history is immutable",
        "detail": {"table": "evident.event_store", "operation": "DELETE"},
        "hint": "append an event that corrects or compensates the earlier one"
    }'::jsonb,
    'the refusal of a change says of what, why and what to do'
);

-- What comes by logical replication fires row triggers alone.

alter table evident.event_store disable trigger event_store_history;

select is(
    pg_temp.guarded('none', w.is_replica, s.statement),
    s.operation,
    format(
        'the row trigger alone refuses %s%s', lower(s.operation),
        case when w.is_replica then ' of replicated changes' else '' end
    )
)
from (
    values
    ('DELETE', $$ delete from evident.event_store $$),
    ('UPDATE', $$ update evident.event_store set version = 7 where version = 2 $$)
) as s (operation, statement)
cross join unnest(array[false, true]) as w (is_replica);

alter table evident.event_store enable always trigger event_store_history;

select results_eq(
    $$ select e.version, e.event_type, e.payload
    from evident.event_store as e
    where e.aggregate_id = pg_temp.task(1)
    order by e.version $$,
    $$ values (1, 'TaskCreated', '{}'::jsonb), (2, 'TaskDone', '{}') $$,
    'history is as it was'
);

-- Who may do what.

select is(
    pg_temp.permitted('select count(*) from evident.event_store'),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may select, and so may operators and auditors'
);
select is(
    pg_temp.permitted(s.statement),
    '{}',
    format('no role may %s', s.statement)
)
from (
    values
    ('insert into evident.event_store (id) overriding system value values (1)'),
    ('insert into evident.event_store (version) values (1)'),
    ('update evident.event_store set version = 1'),
    ('delete from evident.event_store'),
    ('truncate evident.event_store'),
    ('alter table evident.event_store disable trigger all'),
    ('drop table evident.event_store'),
    ('lock table evident.event_store in access exclusive mode'),
    ($$ select setval('evident.event_store_id_seq', 1) $$),
    ($$ select nextval('evident.event_store_id_seq') $$),
    ('create table evident.forged (id integer)'),
    ('create trigger forged before insert on evident.event_store '
        'for each row execute function suppress_redundant_updates_trigger()')
) as s (statement);
select is(
    pg_temp.permitted('set session_replication_role = replica'),
    '{}',
    'no role may silence triggers'
);

select * from finish();
rollback;
