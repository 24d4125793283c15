begin;
select plan(6);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/ledger.psql

select is(
    pg_temp.permitted('select * from evident._changed_leaves(0, 0)'), '{}',
    'nobody may call it'
);
select pg_temp.happen(256);
-- A gap before the last tile, and an end that is not sealed.
select setval(
    'evident.event_store_id_seq',
    pg_sequence_last_value('evident.event_store_id_seq') + 9
);
select pg_temp.happen(256), evident.seal(), pg_temp.happen(3);

-- What differs in the second tile after something was done, which is then undone.
create function pg_temp.found(p_tampering text)
returns text
language plpgsql
as $function$
declare
    v_after constant bigint := evident._tile_end(0);
    v_found text;
begin
    perform pg_temp.tamper('event_store', p_tampering);
    select coalesce(
        string_agg(
            concat_ws(
                ' ', coalesce(c.leaf_index::text, '-'),
                coalesce(e.payload ->> 'number', '-'), c.problem
            ),
            '; '
        ),
        'nothing'
    )
    into v_found
    from evident._changed_leaves(1, v_after) as c
    left join evident.event_store as e on c.event_id = e.event_id;
    raise exception using errcode = 'ZZ000', message = v_found;
exception
    when sqlstate 'ZZ000' then
        return v_found;
end;
$function$;

select is(
    pg_temp.found(
        format(
            c.tampering,
            (pg_temp.stored_event(256)).id, (pg_temp.stored_event(300)).id
        )
    ),
    c.found,
    c.description
)
from (
    values
    ('select', 'nothing', 'where nothing was changed nothing differs'),
    (
        'delete from evident.event_store where id = %s',
        '256 - the sealed event is missing',
        'one missing event is one difference, not one for each behind it'
    ),
    (
        $$ insert into evident.event_store (
            id, aggregate_id, version, event_type, payload
        )
        overriding system value
        values (%s - 5, gen_random_uuid(), 1, 'Forged', '{"number": "new"}') $$,
        '- new the event was never sealed',
        'so is an inserted one'
    ),
    (
        $$ with gone as (delete from evident.event_store where id = %1$s)
        update evident.event_store set payload = '{"number": "x"}' where id = %2$s $$,
        '256 x the event is not what was sealed; 300 - the sealed event is missing',
        'of several the leaves are right, and events are paired in order'
    ),
    (
        $$ update evident.event_store
        set payload = '{"number": "x"}' where id in (%s, %s) $$,
        '256 x the event is not what was sealed; '
        '300 x the event is not what was sealed',
        'several changed events are told in their order'
    )
) as c (tampering, found, description);

select * from finish();
rollback;
