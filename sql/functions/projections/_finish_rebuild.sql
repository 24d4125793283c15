-- evident._finish_rebuild: the last step of a rebuild: stop writers, fold, write.
--
-- One attempt of several, in a block of the caller's: a lock that is not to be had
-- within a moment undoes it, so that nobody else waits for long. That holds to the
-- end, not only for the first lock: an application that has locked one row of a read
-- model would else make all appends wait that keep it. Whatever waits for these locks
-- waits for a moment too, and for the work.
--
-- Where appends keep the read model they take a lock on the table with their writes,
-- and queue behind whoever asks for this one. p_is_patient: longer than
-- deadlock_timeout, after which autovacuum gives way. Rows have no autovacuum in them;
-- and whoever has locked one and appends then is not to be ended for a deadlock.
--
-- When triggers are to be made anew it stops all appends instead, so that none is under
-- way that has begun with the old ones.
--
-- It holds nothing meanwhile that an append waits for. The projection's row comes
-- afterwards, as it does in appends with one snapshot (_sql_refuse_old_snapshot).
--
-- p_projection is the projection as it was when the rebuild began, p_now as it is under
-- its lock; pg_temp.rebuilt is folded up to p_position. p_filter: see _fold_round.
--
-- Locks: SHARE ROW EXCLUSIVE on the read model, or that of making and on
-- evident.event_store; all to the end of the transaction
-- Errors: 40001 when the projection was changed meanwhile; 55P03; those of the fold

create or replace function evident._finish_rebuild(
    p_projection evident.projection,
    p_now evident.projection,
    p_slice integer,
    p_slices integer,
    p_filter text,
    p_definition text,
    p_skips bigint,
    p_position bigint,
    p_is_patient boolean
)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set lock_timeout = '150ms'
as $function$
declare
    v_is_live constant boolean := p_projection.mode = 'sync'
        and p_projection.state = 'running';
    v_is_stale constant boolean := p_projection.definition
        is distinct from p_definition;
    v_started_at constant timestamptz := evident._now();
    v_safe bigint;
    v_written bigint;
begin
    if p_is_patient then
        perform set_config('lock_timeout', '1200ms', true);
    end if;
    if v_is_live and v_is_stale then
        perform evident._lock_making(p_may_wait => false);
        lock table evident.event_store in share row exclusive mode;
    elsif v_is_live then
        perform evident._as_projector(
            format('lock table %s in share row exclusive mode', p_projection.name)
        );
    end if;
    perform set_config('lock_timeout', '150ms', true);

    -- Nobody can make a foreign key any more, whose rows would go with those here.
    perform evident._as_projector(
        format('lock table %s in row exclusive mode', p_projection.name)
    );
    perform evident._require_projector(p_projection);

    if p_now.number <> p_projection.number
        or v_is_live <> (p_now.mode = 'sync' and p_now.state = 'running')
        or p_definition is distinct from evident.projection_definition(p_now.name)
        or p_skips <> (
            select count(*)
            from evident.projection_skip as s
            where s.projection = p_now.name
        )
    then
        raise exception using
            errcode = 'serialization_failure',
            message = format(
                'projection %s was changed during the rebuild', p_now.name
            ),
            detail = jsonb_build_object('projection', p_now.name)::text,
            hint = 'nothing was written; run the rebuild again';
    end if;

    if v_is_live and p_now.definition is distinct from p_definition then
        perform evident._switch_triggers(p_now, true);
    end if;

    -- The safe position may have gone back meanwhile: never below what is folded.
    v_safe := case
        when v_is_live then 9223372036854775807
        when p_slices = 1
            then greatest(p_position, evident.safe_position(), p_now.position)
        else p_now.position
    end;
    perform evident._fold_round(
        p_projection,
        p_filter,
        case when v_is_live then p_position else p_projection.position end,
        p_position,
        v_safe
    );
    v_written := (
        select a.answer::bigint
        from evident._ask_projector(
            'select to_jsonb(count(*)) from pg_temp.differing as d'
        ) as a (answer)
    );
    perform evident._as_projector(evident._fill(
        $sql$
        delete from {table} as t
        using pg_temp.differing as d
        where t.{key} = d.key;

        insert into {table} ({columns})
        select {values}
        from pg_temp.differing as d
        inner join pg_temp.rebuilt as r on d.key = r.key
        where (r.next_row).{key} is not null
        $sql$,
        jsonb_build_object(
            'table', p_projection.name,
            'key', format('%I', p_projection.key_column),
            'columns', evident._sql_columns(p_projection, '%1$s'),
            'values', evident._sql_columns(
                p_projection, '(r.next_row).%1$s', 'd.key'
            )
        )
    ));
    perform evident._run_ddl(
        'drop table pg_temp.rebuilt, pg_temp.differing', p_is_projectors => true
    );

    execute format(
        'delete from evident.projection_failure as f'
        ' where f.projection = %L and %s',
        p_now.name, format(p_filter, 'f.key')
    );
    if not v_is_live and p_slices = 1 then
        update evident.projection as p
        set position = v_safe
        where p.name = p_now.name
        returning p.* into p_now;
        if p_now.mode = 'sync' and p_now.state = 'catching_up' then
            perform evident._hand_over_to_triggers(p_now);
        end if;
    end if;
    perform evident._note_rebuild(
        p_projection, p_slice, p_slices, p_definition, p_position, v_written,
        v_started_at
    );
    return v_written;
end;
$function$;

comment on function evident._finish_rebuild(
    evident.projection, evident.projection, integer, integer, text, text, bigint,
    bigint, boolean
) is
'Stops writers of a read model, or all appends, folds the rest and writes what differs;
gives how many rows. Errors: 40001 changed meanwhile, 55P03 a lock was not to be had.';

revoke all on function evident._finish_rebuild(
    evident.projection, evident.projection, integer, integer, text, text, bigint,
    bigint, boolean
) from public;
