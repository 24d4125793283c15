-- evident.run_projection: fold the next slice of the feed into a read model.
--
-- Rows and checkpoint change in one transaction, so a crash leaves both or neither.
-- One runner at a time: who finds another at work leaves it to that one. Only whole
-- feed is folded, up to the safe position, which is known before the events are
-- read (see safe_position).
--
-- The keys of events that fail are parked, with their later events behind them; all
-- others are folded (_fold_and_park).
--
-- A synchronous projection that has come this close is handed over to the appends.
--
-- One whose rows nobody knows to be those of any position (repair_sequences) is
-- rebuilt, before the lock is taken: a rebuild takes it last.
--
-- Locks: the projection's, an advisory lock, tried and never waited for.
-- Errors: PT400, PT404

create or replace function evident.run_projection(
    p_name text,
    p_limit bigint default 1000
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    v_projection evident.projection;
    v_number integer;
    v_safe bigint;
    v_until bigint;
    v_reached bigint;
    v_count bigint;
    v_ours constant text :=
        $sql$
        select
            count(*),
            max(n.id)
        from (
            select e.id
            from evident.event_store as e
            where e.id > $1 and e.id <= $2 and %s
            order by e.id
            limit $3
        ) as n
        $sql$;
begin
    if p_limit is null or p_limit < 1 then
        perform evident._refuse_argument(
            'p_limit', 'null or below 1', 'fold slice after slice, of 1000 events or so'
        );
    end if;
    v_projection := evident._require_projection(p_name);
    if v_projection.definition is null and v_projection.state <> 'paused' then
        return evident.rebuild_projection(p_name);
    end if;
    v_number := v_projection.number;
    if not pg_try_advisory_xact_lock((17752::bigint << 48) | v_number) then
        perform evident._notify_held(p_name, (17752::bigint << 48) | v_number);
        return 0;
    end if;
    v_projection := evident._require_projection(p_name);

    if v_projection.mode = 'sync' and v_projection.state = 'running' then
        if v_projection.number = v_number then
            perform evident._drop_hold(v_projection);
        end if;
        return 0;
    end if;
    if v_projection.number <> v_number
        or exists (
            select
            from evident.projection_failure as f
            where f.projection = p_name and f.key = ''
        )
    then
        return 0;
    end if;
    if v_projection.state = 'paused' then
        raise notice using
            message = format('nothing is done: projection %s is paused', p_name),
            hint = format('evident.resume_projection(%L)', p_name);
        return 0;
    end if;

    perform evident._require_projector(v_projection);

    v_safe := evident.safe_position();
    execute format(v_ours, evident._sql_is_folded(v_projection, 'e'))
    into v_count, v_until
    using v_projection.position, v_safe, p_limit;
    v_until := case when v_count < p_limit then v_safe else v_until end;

    if v_count > 0 then
        v_reached := evident._fold_and_park(
            v_projection, v_projection.position, v_until
        );
        if v_reached < v_until then
            v_until := v_reached;
            execute format(v_ours, evident._sql_is_folded(v_projection, 'e'))
            into v_count
            using v_projection.position, v_until, p_limit;
        end if;
    end if;

    if v_until > v_projection.position then
        update evident.projection as p
        set position = v_until
        where p.name = p_name;
        v_projection.position := v_until;
    end if;
    if v_projection.mode = 'sync' and v_until = v_safe then
        perform evident._hand_over_to_triggers(v_projection);
    end if;
    return v_count;
end;
$function$;

comment on function evident.run_projection(text, bigint) is
'Folds up to p_limit (1 or more) further events into the read model and gives how many
it dealt with, 0 when there are none now, or it is kept by appends, or, with a notice,
when another session holds its lock, or it is paused; after repair_sequences it is
rebuilt, which gives how many rows differed. For READ COMMITTED: call it at
intervals, or run evident work. Errors: PT400 invalid argument, or a transaction at
REPEATABLE READ or SERIALIZABLE; PT404 no such projection.';

revoke all on function evident.run_projection(text, bigint) from public;
grant execute on function evident.run_projection(text, bigint)
to evident_projector, evident_operator;
