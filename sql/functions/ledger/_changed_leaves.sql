-- evident._changed_leaves: what differs between a full tile of leaves and its events.
--
-- Compared by hash, so that a missing or an inserted event is one difference and not
-- one for everything behind it. What is left over on both sides is paired in order.

create or replace function evident._changed_leaves(p_index bigint, p_after bigint)
returns table (leaf_index bigint, event_id uuid, problem text)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
    with tile as (
        select t.*
        from evident.ledger_tile as t
        where t.level = 0 and t.index = p_index
    ),

    sealed as (
        select
            n.number,
            substr(t.hashes, n.number * 32 + 1, 32) as hash
        from tile as t
        cross join generate_series(0, 255) as n (number)
    ),

    stored as (
        select
            e.id,
            e.event_id,
            evident.leaf_hash(e) as hash
        from tile as t
        inner join evident.event_store as e
            on e.id > p_after and e.id <= t.last_event_id
    ),

    sealed_only as (
        select
            s.number,
            row_number() over (order by s.number) as place
        from sealed as s
        where not exists (select from stored as e where e.hash = s.hash)
    ),

    stored_only as (
        select
            e.event_id,
            row_number() over (order by e.id) as place
        from stored as e
        where not exists (select from sealed as s where s.hash = e.hash)
    )

    select
        p_index * 256 + s.number as leaf_index,
        e.event_id,
        case
            when e.event_id is null then 'the sealed event is missing'
            when s.number is null then 'the event was never sealed'
            else 'the event is not what was sealed'
        end as problem
    from sealed_only as s
    full join stored_only as e on s.place = e.place
    -- collation: a number
    order by coalesce(s.place, e.place);
$function$;

comment on function evident._changed_leaves(bigint, bigint) is
'The leaves of tile 0/p_index that do not fit the events after id p_after up to the
tile''s last, as verify_ledger gives them.';

revoke all on function evident._changed_leaves(bigint, bigint) from public;
