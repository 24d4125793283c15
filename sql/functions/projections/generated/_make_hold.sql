-- evident._make_hold: write the trigger that refuses appends to parked keys.
--
-- While appends keep a read model, a key that is parked must get no further events: its
-- row has not seen those that wait. hold_event_<projection> refuses them, and all other
-- keys go on. It is made when a projection goes live with parked keys, and disabled
-- when none is left (_drop_hold): otherwise each append would pay for a look.
--
-- No key is parked while appends keep the read model. So one that is found free here
-- stays so, and the triggers that fold, whose names come later in the alphabet, find
-- what freed it (retry_failure, skip_failure, a rebuild) in its row.
--
-- With one snapshot for the transaction the look may be old; the projection's row,
-- which was touched by whatever parked or freed a key, tells
-- (_sql_refuse_old_snapshot). Where keys cross aggregates the trigger that folds
-- refuses those levels.
--
-- The keys are told as evident_projector, from the events themselves: the view of a
-- projection's events may not be waited for by who holds the event store.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.event_store

create or replace function evident._make_hold(p_projection evident.projection)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_body text := format(
        $hold$
        begin
            if %1$s then
                if current_setting('transaction_isolation')
                    in ('repeatable read', 'serializable')
                then
                    perform evident._as_projector(%2$L);
                    perform evident._share_projection(%3$L);
                end if;
                perform evident._refuse_parked(
                    %3$L, array[new.aggregate_id::text]
                );
            end if;
            return null;
        end;
        $hold$,
        evident._sql_is_folded(p_projection, 'new'),
        format('lock table %s in row exclusive mode', p_projection.name),
        p_projection.name
    );
begin
    if p_projection.keys is not null then
        v_body := format(
            $hold$
        declare
            v_ids constant bigint[] := array(
                select n.id from new_events as n where %1$s
            );
            v_keys text[];
            v_message text;
            v_detail text;
        begin
            if v_ids = '{}' then
                return null;
            end if;
            begin
                v_keys := array(
                    select a.answer ->> 0
                    from evident._ask_projector(format(%2$L, v_ids)) as a (answer)
                );
            %3$s
            perform evident._refuse_parked(%4$L, v_keys);
            return null;
        end;
        $hold$,
            evident._sql_is_folded(p_projection, 'n'),
            format(
                $sql$
                select jsonb_build_array(k.key::text)
                from (
                    select e as event
                    from evident.event_store as e
                    where e.id = any (%%L::bigint[])
                    offset 0
                ) as l
                cross join lateral (%s) as k (key)
                $sql$,
                replace(evident._sql_keys_of(p_projection, 'l.event'), '%', '%%')
            ),
            evident._sql_end_of_fold_block(p_projection),
            p_projection.name
        );
    end if;

    perform evident._run_ddl(
        format(
            $sql$
            create or replace function %2$s()
            returns trigger
            language plpgsql
            volatile
            parallel unsafe
            set search_path = pg_catalog, pg_temp
            set enable_seqscan = off
            as %3$L;

            comment on function %2$s() is
            'Made by create_projection: refuses events of parked keys.';

            revoke all on function %2$s() from public;

            create or replace trigger %1$I
            after insert on evident.event_store
            %4$s execute function %2$s();
            $sql$,
            evident._name_of_trigger(p_projection, 'hold_event_%s'),
            evident._name_of_object(p_projection, 'hold_event_%s'),
            v_body,
            case
                when p_projection.keys is null then 'for each row'
                else 'referencing new table as new_events for each statement'
            end
        )
    );
end;
$function$;

comment on function evident._make_hold(evident.projection) is
'Creates or replaces the trigger that refuses appends to parked keys, and enables it.';

revoke all on function evident._make_hold(evident.projection) from public;
