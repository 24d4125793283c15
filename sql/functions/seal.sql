-- evident.seal: take what is new in the event store into the ledger.
--
-- Off the append path: appends hash nothing and wait for nothing. One sealer works at
-- a time; another one comes back with 0. Events above the last sealed id, up to the
-- safe position, in the order of their ids, become the next leaves: nothing that is
-- still being written can come in below them later.
--
-- The leaves behind the last full tile are hashed again each time. When the tree that
-- they give is not the one of the newest tree head, history was changed, and nothing
-- is sealed any more: a ledger that went on would make the change its own.
--
-- The commit waits for the disk and for synchronous standbys, whatever the session
-- says, since a tree head that was shown to others must not be lost.
--
-- Without new events a tree head is written once a day, so that a stopped sealer can
-- be told from a quiet store.
--
-- Locks: a transaction-level advisory lock, not waited for; key: 17755 in the upper 16
-- bits.
-- Errors: PT400, PT500; 25006 on a standby

create or replace function evident.seal(p_max_events integer default 100000)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_head evident.tree_head;
    v_position bigint;
    v_edge integer;
    v_hashes bytea;
    v_ids bigint[];
    v_count integer;
begin
    if p_max_events is null or p_max_events not between 1 and 10000000 then
        perform evident._refuse_argument(
            'p_max_events', 'not from 1 to 10000000', 'call it again for the rest'
        );
    end if;
    if pg_is_in_recovery() then
        -- Where it has nothing to write it would say that there is nothing to seal.
        raise exception using
            errcode = 'read_only_sql_transaction',
            message = 'events cannot be sealed on a standby',
            hint = 'seal on the primary';
    end if;
    if not pg_try_advisory_xact_lock(17755::bigint << 48) then
        return 0;
    end if;
    if current_setting('synchronous_commit') in ('off', 'local', 'remote_write') then
        perform set_config('synchronous_commit', 'on', true);
    end if;

    v_head := evident._tree_head();
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
        limit v_edge + p_max_events::bigint
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
        insert into evident.tree_head (tree_size, root_hash, last_event_id)
        select
            s.tree_size,
            evident._root_over(
                s.tree_size,
                substr(v_hashes, (cardinality(v_ids) >> 8) * 8192 + 1)
            ),
            v_ids[cardinality(v_ids)]
        from (values (v_head.tree_size + v_count)) as s (tree_size);
    elsif v_head.sealed_at <= evident._now() - interval '1 day' then
        insert into evident.tree_head (tree_size, root_hash, last_event_id)
        values (v_head.tree_size, v_head.root_hash, v_head.last_event_id);
    end if;

    perform evident._attest_guards();
    return v_count;
end;
$function$;

comment on function evident.seal(integer) is
'Seals new events into the ledger, at most p_max_events (1 to 10000000), and gives how
many: 0 when there are none, or another session is sealing. Call it every few seconds.
Appends an event GuardChanged when what guard_status tells has changed. Errors: PT500
the sealed events are not what they were; PT400 at REPEATABLE READ and SERIALIZABLE.';

revoke all on function evident.seal(integer) from public;
grant execute on function evident.seal(integer) to evident_operator;
