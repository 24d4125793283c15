-- The isolation levels first: each is set by the first statement of a transaction,
-- and what it gives is kept for the plan below.

begin isolation level repeatable read;
\ir ../helpers/refusal.psql
set local role evident_operator;
select pg_temp.refusal('select evident.seal()') as repeatable_read \gset
rollback;

begin isolation level serializable;
\ir ../helpers/refusal.psql
set local role evident_operator;
select pg_temp.refusal('select evident.seal()') as serializable \gset
rollback;

begin;
select plan(58);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

select is(
    l.refusal::jsonb - array['message', 'hint'],
    jsonb_build_object(
        'code', 'PT400',
        'detail', jsonb_build_object(
            'argument', 'transaction_isolation',
            'reason', l.name || ' has one snapshot for all statements'
        )
    ),
    upper(l.name) || ' is refused, since all its statements have one snapshot'
)
from (
    values
    ('repeatable read', :'repeatable_read'), ('serializable', :'serializable')
) as l (name, refusal);
select is(
    pg_temp.permitted('select evident.seal()'),
    array['evident_operator'],
    'operators may seal, and nobody else'
);
select is(
    pg_temp.refused_argument(format('select evident.seal(%s)', c.number)),
    'p_max_events',
    c.description || ' is refused'
)
from (
    values
    ('null', 'no number'),
    ('0', 'nothing at most'),
    ('-1', 'a number below 0'),
    ('10000001', 'too large a number')
) as c (number, description);

-- What the newest tree head says, and whether that is so.
create function pg_temp.head()
returns text
language sql
volatile
begin atomic
    select concat_ws(
        ' ',
        h.tree_size,
        case
            when
                h.root_hash
                = pg_temp.naive_root(pg_temp.leaves(0, h.tree_size::integer))
                then 'leaves with the right root'
            else 'leaves with another root'
        end,
        case
            when h.tree_size = 0 then h.last_event_id = 0
            else
                h.last_event_id
                = (pg_temp.stored_event(h.tree_size::integer - 1)).id
        end
    )
    from evident.tree_head as h
    order by h.number desc
    limit 1;
end;

create function pg_temp.heads()
returns bigint
language sql
volatile
return (select count(*) from evident.tree_head as h);

-- Nothing, something, and in parts.

select is(evident.seal(), 0::bigint, 'an empty store has nothing to seal');
select is(pg_temp.heads(), 1::bigint, 'and gets no tree head');
select pg_temp.happen(3);
set local role evident_operator;
select is(evident.seal(), 3::bigint, 'all new events are sealed');
reset role;
select is(
    pg_temp.head(), '3 leaves with the right root t', 'in a tree head with their root'
);
select is(evident.seal(), 0::bigint, 'a second time there is nothing');
select is(pg_temp.heads(), 2::bigint, 'and no tree head is added');
select pg_temp.happen(600);
select is(evident.seal(252), 252::bigint, 'no more are sealed than were asked for');
select is(
    pg_temp.head(), '255 leaves with the right root t', 'the oldest of them first'
);
select is_empty(
    'select from evident.ledger_tile', 'a tile of 255 leaves is not stored'
);
select is(evident.seal(1), 1::bigint, 'one can be sealed alone');
select results_eq(
    $$ select
        t.level, t.index, t.first_event_id, t.last_event_id, t.root_hash, t.hashes
    from evident.ledger_tile as t $$,
    $$ select
        0, 0::bigint, (pg_temp.stored_event(0)).id, (pg_temp.stored_event(255)).id,
        pg_temp.naive_root(pg_temp.leaves(0, 256)), pg_temp.leaves(0, 256) $$,
    'the 256th fills a tile'
);
select is(
    evident.seal(10000000), 347::bigint, 'the largest limit there is takes the rest'
);
select is(
    pg_temp.head(), '603 leaves with the right root t', 'the tree is whole'
);
select is(
    (select array_agg(t.index order by t.index) from evident.ledger_tile as t),
    '{0,1}',
    'each full tile is stored once'
);
select is_empty(
    $$ select * from evident.verify_ledger() $$, 'the verification finds nothing'
);

-- The safe position.

select pg_temp.happen(2);
select setval('evident.event_store_id_seq', (pg_temp.stored_event(604)).id + 10);
select pg_temp.happen(1);
select pg_advisory_xact_lock_shared(
    (17750::bigint << 48) | (pg_temp.stored_event(604)).id
);
create function pg_temp.always_safe()
returns text
language sql
stable
return pg_get_functiondef('evident.safe_position()'::regprocedure);
select pg_temp.always_safe() as always_safe \gset
:safe_position;
select is(
    evident.seal(), 2::bigint, 'events above the safe position are not sealed'
);
select is(
    (select h.last_event_id from evident._tree_head() as h),
    (pg_temp.stored_event(604)).id,
    'but those below it'
);
:always_safe;
select is(evident.seal(), 1::bigint, 'once it has moved they are');
select pg_advisory_xact_lock_shared(17750::bigint << 48);
:safe_position;
select is(
    pg_temp.refusal('select evident.seal()'), null,
    'a position below what is sealed, which anybody can bring about, is no change'
);
:always_safe;

-- A tree head a day.

select pg_temp.heads() as heads \gset
set local evident_test.minutes = 1439;
select evident.seal();
select is(pg_temp.heads(), :heads::bigint, 'no tree head is added within the day');
set local evident_test.minutes = 1440;
select is(
    evident.seal(), 0::bigint, 'a quiet store has nothing to seal after a day either'
);
select results_eq(
    $$ select h.tree_size, h.sealed_at
    from evident.tree_head as h
    order by h.number desc
    limit 1 $$,
    $$ values (606::bigint, '2026-01-02 00:00:00+00'::timestamptz) $$,
    'but gets a tree head of the same tree'
);
select is(
    pg_temp.head(), '606 leaves with the right root t', 'with the same root'
);
select evident.seal();
select is(pg_temp.heads(), :heads + 1::bigint, 'one, and no more that day');
set local evident_test.minutes = 1441;
select pg_temp.happen(1);
select is(evident.seal(), 1::bigint, 'then sealing goes on');
select is(
    pg_temp.head(), '607 leaves with the right root t', 'behind the quiet day'
);
select is_empty(
    $$ select * from evident.verify_ledger() $$,
    'the verification finds nothing in a quiet day'
);

-- In odd steps, as in one go: everything anew from the same events.

select pg_temp.happen(300);
select evident.seal();
create temporary table at_once as
select
    evident.root_hash(907) as root,
    evident.read_tile(0, 2) as tile,
    (
        select jsonb_agg(to_jsonb(t) order by t.level, t.index)
        from evident.ledger_tile as t
    ) as tiles;
select
    pg_temp.tamper('ledger_tile', 'delete from evident.ledger_tile'),
    pg_temp.tamper('tree_head', 'delete from evident.tree_head where tree_size > 0');
update evident.ledger_state set head_number = 1;
create function pg_temp.seal_in_steps()
returns bigint
language plpgsql
as $function$
declare
    v_step integer;
    v_all bigint := 0;
begin
    foreach v_step in array array[1, 2, 3, 50, 199, 1, 1, 255, 256, 17, 1000]
    loop
        v_all := v_all + evident.seal(v_step);
    end loop;
    return v_all;
end;
$function$;
select is(pg_temp.seal_in_steps(), 907::bigint, 'odd steps seal as much as one');
select results_eq(
    $$ select
        evident.root_hash(907), evident.read_tile(0, 2),
        (
            select jsonb_agg(to_jsonb(t) order by t.level, t.index)
            from evident.ledger_tile as t
        ) $$,
    'select * from at_once',
    'and make the same tree'
);
select is_empty(
    $$ select h.tree_size
    from evident.tree_head as h
    where h.root_hash
    <> pg_temp.naive_root(pg_temp.leaves(0, h.tree_size::integer)) $$,
    'each step''s root is right'
);

-- The commit waits for the disk.

create function pg_temp.commits_after(p_setting text)
returns text
language plpgsql
as $function$
begin
    perform set_config('synchronous_commit', p_setting, true);
    perform pg_temp.happen(1), evident.seal();
    return current_setting('synchronous_commit');
end;
$function$;
select is(
    pg_temp.commits_after(s.setting), s.kept,
    format('a session with synchronous_commit = %s seals with %s', s.setting, s.kept)
)
from (
    values
    ('off', 'on'),
    ('local', 'on'),
    ('remote_write', 'on'),
    ('on', 'on'),
    ('remote_apply', 'remote_apply')
) as s (setting, kept);

-- History that was changed. Each refusal undoes what led to it.

create function pg_temp.reason_after(p_table text, p_tampering text)
returns text
language plpgsql
as $function$
declare
    v_refusal jsonb;
    v_heads bigint;
begin
    perform pg_temp.tamper(p_table, p_tampering);
    perform pg_temp.happen(1);
    v_heads := pg_temp.heads();
    v_refusal := pg_temp.refusal('select evident.seal()');
    if v_refusal is not null and v_heads <> pg_temp.heads() then
        raise exception using errcode = 'ZZ000', message = 'a tree head is left';
    end if;
    raise exception using
        errcode = 'ZZ000',
        message = case
            when v_refusal ->> 'code' = 'PT500' then v_refusal -> 'detail' ->> 'reason'
            else coalesce(v_refusal::text, 'not refused')
        end;
exception
    when sqlstate 'ZZ000' then
        return sqlerrm;
end;
$function$;

select is(
    pg_temp.reason_after(
        c.table_name,
        format(
            c.tampering, (pg_temp.stored_event(c.place)).id,
            (pg_temp.stored_event(c.place - 1)).id
        )
    ),
    c.reason,
    c.description
)
from (
    values
    (
        'event_store', 911,
        $$ update evident.event_store set payload = '{"forged": 1}' where id = %s $$,
        'does not follow from the events any more',
        'an edited event behind the last full tile stops the sealer'
    ),
    (
        'event_store', 768,
        $$ update evident.event_store set occurred_at = 'epoch' where id = %s $$,
        'does not follow from the events any more',
        'so does a false date of the first event behind it'
    ),
    (
        'event_store', 911,
        'delete from evident.event_store where id = %s',
        'does not follow from the events any more',
        'so does a deleted last event'
    ),
    (
        'event_store', 800,
        'delete from evident.event_store where id = %s',
        'does not follow from the events any more',
        'so does a deleted one in between'
    ),
    (
        'event_store', 800,
        'delete from evident.event_store where id > %s',
        'does not follow from the events any more',
        'so do many deleted ones'
    ),
    (
        'event_store', 912,
        $$ insert into evident.event_store (
            id, aggregate_id, version, event_type, payload
        )
        overriding system value
        select (select e.id from evident.event_store as e order by e.id
        offset 605 limit 1) - 1, gen_random_uuid(), 1, 'Forged', '{}' $$,
        'not refused',
        'an event put below the last full tile is left to the verification'
    ),
    (
        'ledger_tile', 1,
        $$ update evident.ledger_tile
        set root_hash = sha256('forged') where index = 1 $$,
        'does not follow from the events any more',
        'a changed root of a tile stops it'
    ),
    (
        'ledger_tile', 1,
        'delete from evident.ledger_tile where index = 2',
        'does not follow from the events any more',
        'so does a missing tile'
    ),
    (
        'tree_head', 1,
        $$ update evident.tree_head set root_hash = sha256('forged') $$,
        'does not follow from the events any more',
        'so does a changed tree head'
    ),
    (
        'tree_head', 1,
        'delete from evident.tree_head where tree_size > 700',
        'does not have its newest tree head any more',
        'so do missing tree heads'
    ),
    (
        'tree_head', 1,
        'delete from evident.tree_head where number = (evident._tree_head()).number',
        'does not have its newest tree head any more',
        'also the newest alone, whose leaves fill no tile'
    ),
    (
        'tree_head', 1,
        'delete from evident.tree_head',
        'does not have its newest tree head any more',
        'and all of them'
    ),
    (
        'tree_head', 1,
        $$ delete from evident.tree_head where tree_size > 700;
        update evident.ledger_state
        set head_number = (evident._tree_head()).number $$,
        'has tiles beyond its newest tree head',
        'so do tiles beyond the newest tree head'
    ),
    (
        'log_identity', 1,
        'delete from evident.log_identity',
        'log_identity has no row of incarnation 1',
        'so does a log without its identity, at once'
    )
) as c (table_name, place, tampering, reason, description);
select is(
    pg_temp.refusal('select evident.seal()'), null,
    'without them the sealer goes on'
);
select pg_temp.tamper(
    'event_store',
    format(
        'delete from evident.event_store where id = %s', (pg_temp.stored_event(911)).id
    )
);
select is(
    pg_temp.refusal('select evident.seal()') - 'hint',
    '{
        "code": "PT500",
        "message":
            "the ledger of 912 leaves does not follow from the events any more",
        "detail": {
            "tree_size": 912,
            "reason": "does not follow from the events any more"
        }
    }'::jsonb,
    'the refusal says of how many leaves, and why'
);

select * from finish();
rollback;
