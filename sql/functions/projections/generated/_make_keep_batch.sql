-- evident._make_keep_batch: write the trigger for many events of a synchronous
-- projection.
--
-- keep_batch_<projection> folds the events of a statement by key, with one fold and
-- one write. Where the key is the aggregate it leaves the statements that are no
-- batch to keep_event_<projection> (_make_keep). As there, the trigger's function is
-- the owner's, and names kept_batch_<projection>, which belongs to evident_projector,
-- runs as that role, and looks first whether it does. It gets the events as an array,
-- since another function cannot see the rows of a statement.
--
-- The lock on the read model comes before the rows are read: the last step of
-- a rebuild stops its writers there.
--
-- Where keys cross aggregates, two appends may meet in one row. They queue on the
-- key's lock; but the later id may get there first. Rows would then differ from a
-- replay, so the earlier one is refused with 40001, and its retry has a new id.
-- One snapshot per transaction could not see the other: PT400 there.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store

create or replace function evident._make_keep_batch(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_keep constant text := evident._name_of_object(
        p_projection, 'keep_batch_%s'
    );
    v_kept constant text := evident._name_of_object(
        p_projection, 'kept_batch_%s'
    );
    v_events constant text := format(
        $sql$
            select
                k.key,
                e.event,
                e.id as position
            from (
                select
                    n as event,
                    n.id
                from unnest(p_events) as n
                where %s
                offset 0
            ) as e
            cross join lateral (%s) as k (key)
        $sql$,
        evident._sql_is_folded(p_projection, 'n'),
        evident._sql_keys_of(p_projection, 'e.event')
    );
    v_queue text := evident._sql_refuse_old_snapshot(p_projection);
begin
    if p_projection.keys is not null then
        v_queue := format(
            $sql$
            declare
                v_queue text[];
                v_first bigint;
            begin
                begin
                    select
                        array_agg(distinct v.key::text),
                        min(v.position)
                    into v_queue, v_first
                    from (%2$s) as v;
                %3$s
                if v_queue is null then
                    %7$s
                end if;

                if current_setting('transaction_isolation')
                    in ('repeatable read', 'serializable')
                then
                    perform evident._refuse_argument(
                        'transaction_isolation',
                        current_setting('transaction_isolation')
                        || ' cannot see what others fold into the rows of ' || %1$L,
                        'append at READ COMMITTED'
                    );
                end if;

                perform evident._lock_keys(%4$s, v_queue);
                if exists (
                    select
                    from (
                        select e as event
                        from evident.event_store as e
                        where
                            e.id > v_first
                            and %5$s
                            and not exists (
                                select
                                from unnest(p_events) as n
                                where n.id = e.id
                            )
                        offset 0
                    ) as l
                    cross join lateral (%6$s) as k (key)
                    where k.key::text = any (v_queue)
                ) then
                    raise exception using
                        errcode = 'serialization_failure',
                        message = 'could not fold into ' || %1$L || ' in the order of'
                            ' the feed: a later event of the same key was there first',
                        detail = jsonb_build_object('projection', %1$L::text)::text,
                        hint = 'append again';
                end if;
            end;
            $sql$,
            p_projection.name,
            v_events,
            evident._sql_end_of_fold_block(p_projection),
            p_projection.number,
            evident._sql_is_folded(p_projection, 'e'),
            evident._sql_keys_of(p_projection, 'l.event'),
            evident._sql_return()
        );
    end if;

    perform evident._make_functions(format(
        $sql$
        create or replace function %1$s(p_events evident.event_store[])
        returns evident.event_store
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        %3$s
        set enable_seqscan = off
        set row_security = off
        as %2$L;

        comment on function %1$s(evident.event_store[]) is
        'Made by create_projection: folds the events of a statement, by key.';

        revoke all on function %1$s(evident.event_store[]) from public;
        grant execute on function %1$s(evident.event_store[]) to evident_owner;
        $sql$,
        v_kept,
        format(
            $keep$
        #variable_conflict use_column
        declare
            v_message text;
            v_detail text;
            v_count bigint;
            v_keys %1$s[];
            v_rows %2$s[];
            v_abbreviations text;
        begin
            if %7$s then
                %3$s
                lock table %2$s in row exclusive mode;
                begin
                    select
                        array_agg(f.key),
                        array_agg(f.next_row)
                    into v_keys, v_rows
                    from (%4$s) as f;
                %5$s
                if v_keys is not null then
                    %6$s into v_count;
                end if;
                %8$s
            end if;
            v_abbreviations := pg_catalog.current_setting('timezone_abbreviations');
            if current_user operator(pg_catalog.<>) 'evident_projector'
                or v_abbreviations operator(pg_catalog.=) 'Default'
            then
                perform evident._refuse_settings();
            end if;
            perform pg_catalog.set_config('timezone_abbreviations', 'Default', true);
            perform %9$s(p_events);
            perform pg_catalog.set_config(
                'timezone_abbreviations', v_abbreviations, true
            );
            return null;
        end;
        $keep$,
            p_projection.key_type,
            p_projection.name,
            v_queue,
            evident._sql_fold_by_key(
                p_projection,
                v_events,
                evident._sql_stored_row(p_projection, 'k.key')
            ),
            evident._sql_end_of_fold_block(p_projection),
            evident._sql_write_rows(
                p_projection,
                'select unnest(v_keys) as key, unnest(v_rows) as next_row'
            ),
            evident._sql_is_pinned(),
            evident._sql_return(),
            v_kept
        ),
        evident._sql_set_clauses()
    ));
    perform evident._run_ddl(
        format(
            $sql$
            create or replace function %3$s()
            returns trigger
            language plpgsql
            volatile
            parallel unsafe
            set search_path = pg_catalog, pg_temp
            as %4$L;

            comment on function %3$s() is
            'Made by create_projection: folds a statement''s events by what it names.';

            revoke all on function %3$s() from public;

            create or replace trigger %1$I
            after insert on evident.event_store
            referencing new table as new_events
            for each statement %2$s execute function %3$s();
            $sql$,
            evident._name_of_trigger(p_projection, 'keep_batch_%s'),
            case
                when p_projection.keys is null
                    then 'when (evident._is_batch())'
                else ''
            end,
            v_keep,
            format(
                $call$
            declare
                v_events constant evident.event_store[] := array(
                    select
                        row(
                            n.id, n.aggregate_id, n.version, n.event_type, n.payload,
                            n.metadata, n.event_id, n.occurred_at, n.recorded_by
                        )::evident.event_store
                    from new_events as n
                );
            begin
                perform %s(v_events);
                return null;
            end;
            $call$,
                v_kept
            )
        )
    );
end;
$function$;

comment on function evident._make_keep_batch(evident.projection) is
'Creates or replaces the trigger for many events, and enables it.';

revoke all on function evident._make_keep_batch(evident.projection) from public;
