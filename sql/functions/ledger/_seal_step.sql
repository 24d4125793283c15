-- evident._seal_step: make the oldest new events leaves, with one tree head.
--
-- The leaves behind the last full tile are hashed again each time. When the tree that
-- they give is not the one of the newest tree head, history was changed, and nothing
-- is sealed any more: a ledger that went on would make the change its own. The same
-- goes for a tree head that is gone. Tree heads are numbered from 1 without a gap, and
-- ledger_state knows the newest number.
--
-- Events are hashed one at a time, and 40 bytes of each are kept: the memory that a
-- step takes follows from p_max_events alone, whatever the events hold.
--
-- Needs the sealer's lock.
--
-- Errors: PT500

create or replace function evident._seal_step(p_max_events bigint)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
declare
    v_head evident.tree_head := evident._tree_head();
    v_position bigint;
    v_edge integer;
    v_hashes bytea;
    v_ids bigint[];
    v_count integer;
begin
    if v_head.number is distinct from (
        select s.head_number from evident.ledger_state as s
    ) then
        perform evident._refuse_ledger(
            coalesce(v_head.tree_size, 0), 'does not have its newest tree head any more'
        );
    end if;

    -- Whoever takes the lock of an announcement can bring the position down. What is
    -- sealed stays below it, or it would look as if it were gone.
    v_position := greatest(evident.safe_position(), v_head.last_event_id);
    v_edge := v_head.tree_size & 255;

    select
        coalesce(string_agg(l.hash, '' order by l.id), ''),
        coalesce(array_agg(l.id order by l.id), '{}')
    into v_hashes, v_ids
    from (
        select
            e.id,
            evident.leaf_hash(e) as hash
        from evident.event_store as e
        where
            e.id > evident._tile_end((v_head.tree_size >> 8) - 1)
            and e.id <= v_position
        order by e.id
        limit v_edge + p_max_events
    ) as l;

    if
        evident._root_over(v_head.tree_size, substr(v_hashes, 1, v_edge * 32))
        <> v_head.root_hash
    then
        perform evident._refuse_ledger(
            v_head.tree_size, 'does not follow from the events any more'
        );
    end if;
    if exists (
        select
        from evident.ledger_tile as t
        where t.level = 0 and t.index >= v_head.tree_size >> 8
    ) then
        perform evident._refuse_ledger(
            v_head.tree_size, 'has tiles beyond its newest tree head'
        );
    end if;

    v_count := cardinality(v_ids) - v_edge;
    if v_count > 0 then
        perform evident._seal_tiles(v_head.tree_size, v_hashes, v_ids);
        v_head.tree_size := v_head.tree_size + v_count;
        v_head.last_event_id := v_ids[cardinality(v_ids)];
        v_head.root_hash := evident._root_over(
            v_head.tree_size, substr(v_hashes, (cardinality(v_ids) >> 8) * 8192 + 1)
        );
    elsif v_head.sealed_at > evident._now() - interval '1 day' then
        return 0;
    end if;

    v_head.number := v_head.number + 1;
    insert into evident.tree_head (number, tree_size, root_hash, last_event_id)
    values (v_head.number, v_head.tree_size, v_head.root_hash, v_head.last_event_id);
    update evident.ledger_state as s
    set head_number = v_head.number
    where s.is_only;
    return v_count;
end;
$function$;

comment on function evident._seal_step(bigint) is
'Seals the oldest new events, at most p_max_events, with one tree head, and gives how
many; a tree head of the same tree when the newest one is a day old.';

revoke all on function evident._seal_step(bigint) from public;
