-- evident.repair_sequences: set the sequences of the store right, where rows came
-- without them.
--
-- By logical replication, a restore of parts, or after an owner's setval. No sequence
-- goes back. That of the event ids goes to the newest id, or to what readers have
-- passed when that is more: the stamp, the ledger, positions of projections and
-- consumers, and what consumers have claimed. So no id comes a second time. Fencing
-- tokens leave a gap: those of consumers that were dropped may be in use.
--
-- Events that came without their triggers are in no synchronous read model, unless its
-- rows came along; which of the two cannot be told here. So a read model without rows
-- begins at 0 again. Of all others that appends kept, or whose checkpoint is beyond
-- what this sequence had drawn, nothing is claimed any more: position 0 and no
-- definition. The next run of such a one is a rebuild, which compares all rows with
-- the events and writes those that differ.
--
-- An event that got an id below the stamp after the stamp was taken was stored while
-- the sequence was behind. Readers of the feed have passed it: a warning tells.
--
-- ALTER SEQUENCE, with the cache that it has, makes all sessions plan their appends
-- anew, which they may have planned while it was behind (_is_ordered).
--
-- Locks: the projections'; that of making; SHARE ROW EXCLUSIVE on evident.event_store:
-- appends wait, readers do not. Each is asked for briefly. 55P03: try again.
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500; 55P03; 25006 on a standby

create or replace function evident.repair_sequences()
returns table (sequence text, was bigint, now bigint)
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
-- See _require_projector.
set jit = off
set lock_timeout = '900ms'
as $function$
#variable_conflict use_column
declare
    v_projection evident.projection;
    v_sequence record;
    v_called boolean;
    v_newest bigint;
    v_was bigint;
    v_moved jsonb := '[]'::jsonb;
    v_reset text[] := '{}'::text[];
    v_below bigint;
begin
    perform evident._refuse_one_snapshot();
    perform evident._lock_registration();
    for v_projection in
        select p.*
        from evident.projection as p
        order by p.number
    loop
        perform evident._lock_projection(v_projection.name);
    end loop;
    perform evident._lock_making();
    lock table evident.event_store in share row exclusive mode;

    for v_sequence in
        select
            s.seqrelid::regclass::text as name,
            a.attname = 'epoch' as is_token,
            format(
                -- collation: a number
                'select max(t.%I) from %s as t', a.attname, d.refobjid::regclass
            ) as newest
        from pg_sequence as s
        inner join pg_class as c on s.seqrelid = c.oid
        inner join pg_depend as d on s.seqrelid = d.objid
        inner join pg_attribute as a
            on d.refobjid = a.attrelid and d.refobjsubid = a.attnum
        where
            c.relnamespace = 'evident'::regnamespace
            and d.classid = 'pg_class'::regclass
            and d.refclassid = 'pg_class'::regclass
            and d.deptype in ('a', 'i')
        order by c.relname = 'event_store_id_seq' desc, c.relname collate "C"
    loop
        sequence := v_sequence.name;
        execute format(
            'select s.last_value, s.is_called from %s as s', sequence
        ) into was, v_called;
        execute v_sequence.newest into v_newest;
        was := case when v_called then was else was - 1 end;
        if sequence = 'evident.event_store_id_seq' then
            v_newest := greatest(
                v_newest,
                (select s.position from evident.feed_stamp as s),
                (
                    select h.last_event_id
                    from evident.tree_head as h
                    order by h.number desc
                    limit 1
                ),
                (select max(p.position) from evident.projection as p),
                (select max(p.position) from evident.consumer_partition as p),
                (select max(p.claimed_until) from evident.consumer_partition as p)
            );
            v_was := case when v_newest > was then was end;
            if v_newest > was or (was > 0 and not v_called) then
                alter sequence evident.event_store_id_seq cache 1;
            end if;
        end if;
        now := case
            when v_newest > was and v_sequence.is_token then v_newest + 1000000
            else greatest(was, coalesce(v_newest, 0))
        end;
        if now > was or (now > 0 and not v_called) then
            perform setval(sequence::regclass, now);
            v_moved := v_moved || jsonb_build_object(
                'sequence', sequence, 'was', was, 'now', now
            );
        end if;
        return next;
    end loop;
    if v_moved = '[]' then
        return;
    end if;

    for v_projection in
        select p.*
        from evident.projection as p
        where
            v_was is not null
            and (p.position > v_was or (p.mode = 'sync' and p.state = 'running'))
        order by p.number
    loop
        if v_projection.mode = 'sync' and v_projection.state = 'running' then
            perform evident._switch_triggers(v_projection, false);
            v_projection.state := 'catching_up';
        end if;
        update evident.projection as p
        set
            state = v_projection.state,
            position = 0,
            definition = case
                when (
                    select c.relkind = 'r' and pg_relation_size(c.oid) = 0
                    from pg_class as c
                    where c.oid = evident._read_model(v_projection)
                ) then p.definition
            end
        where p.name = v_projection.name;
        delete from evident.projection_failure as f
        where f.projection = v_projection.name;
        v_reset := v_reset || v_projection.name;
    end loop;

    select count(*)
    into v_below
    from evident.event_store as e
    where
        v_was is not null
        and e.occurred_at > (select s.stamped_at from evident.feed_stamp as s)
        and e.id <= (select s.position from evident.feed_stamp as s);
    if v_below > 0 then
        raise warning using
            message = format(
                '%s events were stored below the stamp, while the sequence was behind: '
                'readers of the feed have passed them', v_below
            ),
            hint = 'set consumers back to before them; projections are rebuilt';
    end if;
    perform evident._append_own_event(
        'SequencesRepaired',
        jsonb_build_object(
            'sequences', v_moved,
            'projections', v_reset,
            'events_below_stamp', v_below,
            'reason', 'rows came without their sequences'
        )
    );
end;
$function$;

comment on function evident.repair_sequences() is
'Sets each sequence of the store to the newest number of its rows, where it is behind,
and gives all of them: where each was, and is now. None goes back. Where that of the
event ids was behind, projections that appends kept, or that were beyond it, catch up by
run_projection, which begins with a rebuild unless the read model is empty. Appends
SequencesRepaired to the store''s own stream. For members of evident_owner, at READ
COMMITTED. Errors: PT500 the sequence does not count by 1; 55P03 when others were in the
way: call again.';

revoke all on function evident.repair_sequences() from public;
