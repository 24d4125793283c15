begin;
select plan(50);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

select is(
    pg_temp.permitted('select * from evident.verify_ledger()'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may verify'
);
select is_empty(
    'select * from evident.verify_ledger()', 'an empty ledger has no problem'
);

select pg_temp.happen(100), evident.seal();
select pg_temp.happen(400), evident.seal();
select pg_temp.happen(20);
-- A gap, in which an event can be put.
select setval(
    'evident.event_store_id_seq',
    pg_sequence_last_value('evident.event_store_id_seq') + 5
);
select pg_temp.happen(280), evident.seal();
select pg_temp.happen(50), evident.seal();
select pg_temp.happen(9);

set local role evident_auditor;
select is_empty(
    'select * from evident.verify_ledger()', 'an honest ledger has no problem'
);
select is_empty(
    $$ select v.*
    from unnest(array[0, 1, 255, 256, 257, 700, 800, 850]) as s (size)
    cross join unnest(array[0, 1, 255, 256, 257, 700, 800, 850]) as f (size)
    cross join lateral evident.verify_ledger(f.size, s.size) as v
    where f.size <= s.size $$,
    'nor has any slice of it'
);
reset role;

select is(
    pg_temp.refused_argument(
        format('select * from evident.verify_ledger(%s)', s.arguments)
    ),
    s.argument,
    s.description || ' is refused'
)
from (
    values
    ('null', 'p_from', 'no first leaf'),
    ('-1', 'p_from', 'a first leaf below 0'),
    ('851', 'p_from', 'a first leaf behind the tree'),
    ('5, 4', 'p_from', 'a slice that ends before it begins'),
    ('0, -1', 'p_to', 'an end below 0'),
    ('0, 851', 'p_to', 'an end behind the tree')
) as s (arguments, argument, description);

-- What is found after something was done, which is then undone: the place, whether
-- it is the event's, and what is said of it.
create function pg_temp.found(p_table text, p_tampering text, p_slice text default '')
returns text
language plpgsql
as $function$
declare
    v_found text;
begin
    perform pg_temp.tamper(p_table, p_tampering);
    execute format(
        $$ select coalesce(
            string_agg(
                concat_ws(
                    ' ', v.leaf_index, e.payload ->> 'number',
                    -- How many tree heads there were before is of no interest.
                    regexp_replace(v.problem, 'tree head \d+', 'tree head')
                ),
                '; '
            ),
            'nothing'
        )
        from evident.verify_ledger(%s) as v
        left join evident.event_store as e on v.event_id = e.event_id $$,
        p_slice
    )
    into v_found;
    raise exception using errcode = 'ZZ000', message = v_found;
exception
    when sqlstate 'ZZ000' then
        return sqlerrm;
end;
$function$;


create function pg_temp.id(p_place integer)
returns bigint
language sql
stable
return (pg_temp.stored_event(p_place)).id;

select is(
    pg_temp.found(
        'event_store',
        format(
            'update evident.event_store set %s where id = %s',
            c.assignment, pg_temp.id(600)
        )
    ),
    format('600 %s the event is not what was sealed', c.number),
    c.description || ' is found, and the event named'
)
from (
    values
    ($$ payload = '{"number": 9}' $$, 9, 'another payload'),
    ($$ metadata = '{"forged": 1}' $$, 81, 'other metadata'),
    ($$ event_type = 'Forged' $$, 81, 'another type'),
    ($$ aggregate_id = gen_random_uuid() $$, 81, 'another aggregate'),
    ($$ event_id = gen_random_uuid() $$, 81, 'another event_id'),
    ($$ version = 2 $$, 81, 'another version'),
    (
        $$ occurred_at = occurred_at + interval '1 microsecond' $$, 81,
        'another moment'
    ),
    ($$ recorded_by = 'nobody' $$, 81, 'another author')
) as c (assignment, number, description);

select is(pg_temp.found('event_store', c.tampering), c.found, c.description)
from (
    values
    (
        format('delete from evident.event_store where id = %s', pg_temp.id(600)),
        '600 the sealed event is missing',
        'a deleted event is found'
    ),
    (
        format('delete from evident.event_store where id = %s', pg_temp.id(767)),
        '767 the sealed event is missing',
        'also the last of a tile'
    ),
    (
        format(
            $$ delete from evident.event_store
            where id between %s and %s $$,
            pg_temp.id(512), pg_temp.id(767)
        ),
        (
            select string_agg(
                format('%s the sealed event is missing', n.number), '; '
                order by n.number
            )
            from generate_series(512, 767) as n (number)
        ),
        'so are all events of a tile'
    ),
    (
        format(
            $$ insert into evident.event_store (
                id, aggregate_id, version, event_type, payload
            )
            overriding system value
            values (%s, gen_random_uuid(), 1, 'Forged', '{"number": "new"}') $$,
            pg_temp.id(519) + 1
        ),
        'new the event was never sealed',
        'an event put between two others is found'
    ),
    (
        $$ insert into evident.event_store (
            id, aggregate_id, version, event_type, payload
        )
        overriding system value
        values (-7, gen_random_uuid(), 1, 'Forged', '{"number": "new"}') $$,
        'new the event was never sealed; '
        '0 tree head, 100 leaves, does not follow from leaf 0 to its last',
        'so is one put before the first'
    ),
    (
        format(
            $$ update evident.event_store
            set payload = '{"number": "forged"}' where id in (%s, %s) $$,
            pg_temp.id(512), pg_temp.id(767)
        ),
        '512 forged the event is not what was sealed; '
        '767 forged the event is not what was sealed',
        'changes at the edges of a tile are found in their order'
    ),
    (
        format(
            $$ with one as (
                select e.* from evident.event_store as e where e.id = %1$s
            )

            update evident.event_store as e
            set payload = '{"number": "moved"}'
            from one as o
            where e.id = %2$s and o.payload is not null $$,
            pg_temp.id(600), pg_temp.id(601)
        ),
        '601 moved the event is not what was sealed',
        'a change that follows another event is the changed event''s'
    ),
    (
        format(
            $$ update evident.event_store set payload = '{}' where id = %s $$,
            pg_temp.id(849)
        ),
        '800 tree head, 850 leaves, does not follow from leaf 800 to its last',
        'a change behind the last full tile is found between two tree heads'
    ),
    (
        format('delete from evident.event_store where id >= %s', pg_temp.id(849)),
        '800 tree head, 850 leaves, does not follow from leaf 800 to its last',
        'so is a missing end'
    ),
    (
        format(
            $$ update evident.event_store set payload = '{}' where id = %s $$,
            pg_temp.id(855)
        ),
        'nothing',
        'a change of what is not sealed yet is not'
    )
) as c (tampering, found, description);

select is(pg_temp.found(c.table_name, c.tampering), c.found, c.description)
from (
    values
    (
        'ledger_tile',
        $$ update evident.ledger_tile
        set root_hash = sha256('') where level = 0 and index = 1 $$,
        '256 tile 0/1 has another root or first event; '
        '500 tree head, 800 leaves, does not follow from leaf 500 to its last',
        'another root of a tile is found'
    ),
    (
        'ledger_tile',
        $$ update evident.ledger_tile
        set first_event_id = first_event_id + 1 where level = 0 and index = 2 $$,
        '512 tile 0/2 has another root or first event',
        'so is another first event'
    ),
    (
        'ledger_tile',
        'delete from evident.ledger_tile where level = 0 and index = 0',
        '0 tile 0/0 is missing; '
        '100 tree head, 500 leaves, does not follow from leaf 100 to its last',
        'so is a missing tile, and its neighbour is not blamed'
    ),
    (
        'tree_head',
        'delete from evident.tree_head where tree_size >= 800',
        '256 tile 0/1 is beyond the newest tree head; '
        '512 tile 0/2 is beyond the newest tree head; '
        '500 tree heads 4 to 5 are missing',
        'so are tiles beyond the newest tree head'
    ),
    (
        'tree_head',
        $$ update evident.tree_head set root_hash = sha256('') where tree_size = 500 $$,
        '100 tree head, 500 leaves, does not follow from leaf 100 to its last',
        'so is another root of a tree head'
    ),
    (
        'tree_head',
        $$ update evident.tree_head
        set last_event_id = last_event_id + 1 where tree_size = 850 $$,
        '800 tree head, 850 leaves, does not follow from leaf 800 to its last',
        'so is another last event of a tree head'
    ),
    (
        'tree_head',
        $$ insert into evident.tree_head (
            number, tree_size, root_hash, last_event_id
        )
        select 6, h.tree_size, h.root_hash, h.last_event_id
        from evident.tree_head as h
        where h.tree_size = 500 $$,
        '256 tile 0/1 is beyond the newest tree head; '
        '512 tile 0/2 is beyond the newest tree head; '
        '500 tree head is newer than ledger_state knows; '
        '500 tree head, 500 leaves, does not follow from leaf 500 to its last',
        'so is a tree head that goes back'
    )
) as c (table_name, tampering, found, description);

-- Tree heads that are gone: of 0, 100, 500, 800 and 850 leaves, numbered from 1.

select is(
    pg_temp.found(
        'tree_head',
        format('delete from evident.tree_head where number = any (%L)', c.numbers),
        c.slice
    ),
    c.found,
    format('of the tree heads %s, missed by (%s): %s', c.numbers, c.slice, c.found)
)
from (
    values
    ('{1}', '', '0 tree head is missing'),
    ('{3}', '', '100 tree head is missing'),
    ('{5}', '', '800 tree head is missing'),
    ('{2,3}', '', '0 tree heads 2 to 3 are missing'),
    ('{2,4}', '', '0 tree head is missing; 500 tree head is missing'),
    ('{1,3,5}', '', '0 tree head is missing; 100 tree head is missing; '
    '800 tree head is missing'),
    ('{2,3,4,5}', '', '0 tile 0/0 is beyond the newest tree head; '
    '256 tile 0/1 is beyond the newest tree head; '
    '512 tile 0/2 is beyond the newest tree head; 0 tree heads 2 to 5 are missing'),
    ('{1,2,3,4}', '', '0 tree heads 1 to 4 are missing'),
    ('{1,2,3,4,5}', '', '0 tile 0/0 is beyond the newest tree head; '
    '256 tile 0/1 is beyond the newest tree head; '
    '512 tile 0/2 is beyond the newest tree head; 0 tree heads 1 to 5 are missing'),
    ('{3}', '0, 500', 'nothing'),
    ('{3}', '500, 800', '100 tree head is missing')
) as c (numbers, slice, found);

-- Slices.

select is(
    pg_temp.found(
        'event_store',
        format(
            $$ update evident.event_store set payload = '{}' where id = %s $$,
            pg_temp.id(600)
        ),
        c.slice
    ),
    c.found,
    c.description
)
from (
    values
    (
        '600, 601', '600 the event is not what was sealed',
        'a slice that holds the change finds it'
    ),
    (
        '700, 800', '600 the event is not what was sealed',
        'so does one that touches its tile'
    ),
    ('768', 'nothing', 'one behind it does not'),
    ('0, 512', 'nothing', 'nor one before it')
) as c (slice, found, description);

select * from finish();
rollback;
