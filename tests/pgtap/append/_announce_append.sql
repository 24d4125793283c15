-- Transactions that have written nothing before, each with another setting of its
-- session. What they announce is kept for the plan below.

begin;
\ir ../helpers/three_appends.psql
\ir ../helpers/announced.psql
\set unset :is_announced
rollback;

set evident.feed_position = 'garbage';
begin;
\ir ../helpers/three_appends.psql
\ir ../helpers/announced.psql
\set garbage :is_announced
rollback;

set evident.feed_position = '999999999999999';
begin;
\ir ../helpers/three_appends.psql
\ir ../helpers/announced.psql
\set huge :is_announced
rollback;

set evident.feed_position = '0';
begin;
\ir ../helpers/three_appends.psql
\ir ../helpers/announced.psql
\set small :is_announced
rollback;

set evident.feed_position = '-1';
begin;
\ir ../helpers/three_appends.psql
\ir ../helpers/announced.psql
\set negative :is_announced
rollback;

reset evident.feed_position;

-- A transaction of one statement that has written before, and commits nothing.
with written as materialized (select pg_current_xact_id() as id)

select evident._announce_append() and w.id is not null as is_announced
from written as w \gset
select coalesce(current_setting('evident.feed_position', true), '') as left_over \gset

begin;
select plan(58);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql

-- The positions that this session announces.
create function pg_temp.announced()
returns bigint[]
language sql
volatile
begin atomic
    select coalesce(array_agg(a.position order by a.position), '{}')
    from (
        select ((l.classid::bigint & 65535) << 32) | l.objid::bigint as position
        from pg_locks as l
        where
            l.locktype = 'advisory'
            and l.pid = pg_backend_pid()
            and l.objsubid = 1
            and l.classid::bigint >> 16 = 17750
            and l.mode = 'ShareLock'
            and l.granted
    ) as a;
end;

select ok(
    s.is_announced,
    format(
        'the appends of a new transaction are announced with %s as position',
        s.description
    )
)
from (
    values
    (:'unset'::boolean, 'nothing'),
    (:'garbage', 'garbage'),
    (:'huge', 'a huge number'),
    (:'small', 'a small number'),
    (:'negative', 'a negative number')
) as s (is_announced, description);
select is(
    :'left_over'::text,
    '',
    'the position is forgotten with its transaction'
);

-- The rest is for a transaction that has written before, and for a position that
-- takes more than 32 bits.

alter table evident.event_store alter column id restart with 30000000000;
insert into evident.event_store (aggregate_id, version, event_type, payload)
values (pg_temp.task(1), 1, 'TaskCreated', '{}');

select is(
    pg_temp.announced(),
    '{}',
    'nothing is announced before an append'
);

-- Each append function.

create function pg_temp.announced_by(p_statement text)
returns bigint[]
language plpgsql
as $function$
declare
    v_announced bigint[];
begin
    execute p_statement;
    v_announced := pg_temp.announced();
    raise exception using errcode = 'ZZ000', message = 'undo';
exception
    when sqlstate 'ZZ000' then
        return v_announced;
end;
$function$;

savepoint first;
alter table evident.event_store disable trigger user;
delete from evident.event_store;
delete from evident.feed_stamp;
alter table evident.event_store alter column id restart with 1;

select is(
    pg_temp.announced_by('select evident.append_event(
        pg_temp.task(3), ''TaskCreated'', ''{}''
    )'),
    array[0]::bigint[],
    'a first append of all announces 0'
);
rollback to savepoint first;

alter table evident.event_store alter column id restart with 30000000001;

select is(
    cardinality(pg_temp.announced_by('select evident.' || c.call)),
    1,
    c.description || ' is announced'
)
from (
    values
    (
        $$ append_event(pg_temp.task(1), 'TaskNoted', '{}', 1) $$,
        'an event behind an exact version'
    ),
    (
        $$ append_event(pg_temp.task(3), 'TaskNoted', '{}', 0) $$,
        'a first event'
    ),
    (
        $$ append_event(pg_temp.task(1), 'TaskNoted', '{}') $$,
        'an event behind any version'
    ),
    (
        $$ append_event(
            pg_temp.task(1), 'TaskNoted', '{}', 1, '{}', pg_temp.event_id(1)
        ) $$,
        'an event with an event_id'
    ),
    (
        $$ append_events(pg_temp.task(3), pg_temp.noted(31, 32), 0) $$,
        'an array of events'
    ),
    (
        $$ append_batch(jsonb_build_array(
            pg_temp.entry(3, 0, pg_temp.noted(31))
        )) $$,
        'a batch with exact versions'
    ),
    (
        $$ append_batch(jsonb_build_array(
            pg_temp.entry(3, null, pg_temp.noted(31))
        )) $$,
        'a batch with any version'
    )
) as c (call, description);

-- Positions set by hand. Each is tried and undone; ids are drawn on.

create function pg_temp.announced_with(p_position text, p_is_local boolean)
returns text
language plpgsql
as $function$
declare
    v_last constant bigint
        := pg_sequence_last_value('evident.event_store_id_seq'::regclass);
    v_announced bigint[];
begin
    perform
        set_config('evident.feed_position', p_position, p_is_local),
        evident.append_event(pg_temp.task(2), 'TaskCreated', '{}'),
        evident.append_event(pg_temp.task(2), 'TaskNoted', '{}'),
        evident.append_events(pg_temp.task(2), pg_temp.noted(null, null));
    perform b.version
    from evident.append_batch(
        jsonb_build_array(pg_temp.entry(2, 4, pg_temp.noted(null)))
    ) as b;
    v_announced := pg_temp.announced();
    raise exception using errcode = 'ZZ000', message = 'undo';
exception
    when sqlstate 'ZZ000' then
        return case
            when v_announced = array[v_last] then 'last'
            else v_announced::text
        end;
end;
$function$;

select is(
    pg_temp.announced_with(s.setting, w.is_local),
    s.announced,
    format(
        'with the setting ''%s'' of the %s, %s is announced',
        replace(s.setting, E'\n', '\n'),
        case when w.is_local then 'transaction' else 'session' end, s.description
    )
)
from (
    values
    ('', 'last', 'the last id'),
    ('garbage', 'last', 'the last id'),
    ('-1', 'last', 'the last id'),
    ('-30000000000', 'last', 'the last id'),
    ('1.5', 'last', 'the last id'),
    ('1e3', 'last', 'the last id'),
    (' 7', 'last', 'the last id'),
    (E'7\n', 'last', 'the last id'),
    ('0x10', 'last', 'the last id'),
    ('null', 'last', 'the last id'),
    ('999999999999999', 'last', 'the last id'),
    ('30000009999', 'last', 'the last id'),
    ('9223372036854775807', 'last', 'the last id'),
    ('99999999999999999999999', 'last', 'the last id'),
    ('0', '{0}', 'that'),
    ('7', '{7}', 'that'),
    ('0007', '{7}', 'that'),
    ('29999999999', '{29999999999}', 'that')
) as s (setting, announced, description)
cross join unnest(array[false, true]) as w (is_local);

-- Savepoints.

select pg_sequence_last_value('evident.event_store_id_seq') as last \gset
savepoint undone;
select evident.append_event(pg_temp.task(1), 'TaskNoted', '{}', 1);
select pg_temp.announced() as inside \gset
rollback to undone;

select is(
    :'inside'::bigint[],
    array[:last],
    'an append after a savepoint announces the last id'
);
select is(
    pg_temp.announced(),
    '{}',
    'a savepoint that is rolled back takes its announcement along'
);

-- One announcement for one transaction.

select pg_sequence_last_value('evident.event_store_id_seq') as last \gset
select evident.append_event(pg_temp.task(1), 'TaskNoted', '{}', 1);

select is(
    pg_temp.announced(),
    array[:last],
    'an append announces the last id, also after another one was undone'
);

select evident.append_event(pg_temp.task(1), 'TaskNoted', '{}');
select evident.append_events(pg_temp.task(1), pg_temp.noted(null, null), 3);
select count(*) as entries
from evident.append_batch(
    jsonb_build_array(pg_temp.entry(3, 0, pg_temp.noted(null)), pg_temp.entry(1, -1))
) \gset

select is(
    pg_temp.announced(),
    array[:last],
    'later appends of a transaction announce nothing more'
);

savepoint later;
select evident.append_event(pg_temp.task(1), 'TaskNoted', '{}');
rollback to later;

select is(
    pg_temp.announced(),
    array[:last],
    'what was announced before a savepoint stays when that is rolled back'
);

reset evident.feed_position;
select evident.append_event(pg_temp.task(1), 'TaskNoted', '{}');

select is(
    (pg_temp.announced())[1],
    :last,
    'a transaction that forgets its position keeps its first announcement'
);

set local evident.feed_position = '999999999999999';
select evident.append_event(pg_temp.task(1), 'TaskNoted', '{}');

select is(
    (pg_temp.announced())[1],
    :last,
    'a position set by hand amid a transaction does not move the feed'
);

select * from finish();
rollback;
