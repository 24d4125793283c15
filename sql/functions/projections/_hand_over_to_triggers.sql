-- evident._hand_over_to_triggers: let the appends keep a synchronous projection from
-- now on.
--
-- The lock on the event store waits until no transaction has events that are not
-- decided. So the rest of the log is complete, and whoever appends next meets the
-- triggers. The wait is short, since appends queue behind it; without success the
-- projection goes on catching up, and tries again with its next run.
--
-- A parked key stays so, and appends that touch it are refused (_make_hold). But not
-- while the keys of an event cannot be told: nobody knows which would have to wait.
--
-- The caller holds the projection's lock.
-- Locks: that of making, SHARE ROW EXCLUSIVE on evident.event_store, to the end of the
-- transaction

create or replace function evident._hand_over_to_triggers(
    p_projection evident.projection
)
returns boolean
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $function$
declare
    v_head bigint;
    v_is_folded boolean := false;
begin
    if exists (
        select
        from evident.projection_failure as f
        where f.projection = p_projection.name and f.key = ''
    ) then
        return false;
    end if;

    begin
        perform evident._lock_making(p_may_wait => false);
        lock table evident.event_store in share row exclusive mode;
        v_head := coalesce(
            pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
        );
        perform evident._fold_slice(p_projection, p_projection.position, v_head);
        v_is_folded := true;
        perform evident._switch_triggers(p_projection, true);
        update evident.projection as p
        set
            state = 'running',
            position = v_head
        where p.name = p_projection.name;
        perform evident._record_baseline(p_projection.name, 'handover');
    exception when others then
        if sqlstate <> '55P03'
            and (
                v_is_folded
                or not evident._is_fold_error(sqlstate)
                or left(sqlstate, 2) = '42'
            )
        then
            raise;
        end if;
        return false;
    end;
    return true;
end;
$function$;

comment on function evident._hand_over_to_triggers(evident.projection) is
'Folds the rest of the log and enables the triggers; false when somebody was in the
way or an event failed.';

revoke all on function evident._hand_over_to_triggers(evident.projection) from public;
