-- evident.wait_for_projection: wait until a read model holds what was written.
--
-- Without a position it is the last id drawn when the call begins, so whatever the
-- caller has committed is included; on a standby, where the log has the sequence ahead,
-- the newest event. Each look has a snapshot of its own.
--
-- A row that appends keep comes with its event. So what is waited for there is the
-- event at the position, or that all is known up to it: on a standby it may not have
-- been replayed yet, after a failover it may never come. Without a position there is
-- nothing to wait for.
--
-- A transaction that has appended holds the feed back at its own events: nobody folds
-- them before it commits, so there it says so instead of waiting.
--
-- Runs with the caller's rights, and so raises by itself.
-- Errors: PT400, PT404

create or replace function evident.wait_for_projection(
    p_name text,
    p_position bigint default null,
    p_timeout interval default '10 seconds'
)
returns boolean
language plpgsql
volatile
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_position constant bigint := coalesce(
        p_position,
        case
            when pg_is_in_recovery()
                then (select max(e.id) from evident.event_store as e)
            else pg_sequence_last_value('evident.event_store_id_seq'::regclass)
        end,
        0
    );
    v_until timestamptz;
    v_pause double precision := 0.002;
    v_reason text;
    v_is_kept boolean;
    v_is_there boolean;
begin
    v_reason := case
        when current_setting('transaction_isolation')
            in ('repeatable read', 'serializable')
            then 'transaction_isolation: one snapshot for all statements sees no change'
        when p_timeout is null or p_timeout < '0' or p_timeout > '1 day'
            then 'p_timeout: not between 0 and 1 day'
        when p_position < 0 then 'p_position: below 0'
        when
            exists (
                select
                from evident.announcement as a
                where a.pid = pg_backend_pid() and a.position < v_position
            )
            and evident.safe_position() < v_position
            and not exists (
                select
                from evident.projection as p
                where
                    p.name = p_name
                    and (
                        p.position >= v_position
                        or (p.mode = 'sync' and p.state = 'running')
                    )
            )
            then 'p_position: not before the events that this transaction has appended'
    end;
    if v_reason is not null then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument ' || v_reason,
            detail = jsonb_build_object(
                'argument', split_part(v_reason, ': ', 1),
                'reason', split_part(v_reason, ': ', 2)
            )::text,
            hint = 'wait at READ COMMITTED, after the commit, for a position of the'
                ' feed, or null for the newest, for a while';
    end if;

    v_until := clock_timestamp() + p_timeout;
    -- Ends: at p_timeout, by the clock.
    loop
        select
            p.position >= v_position,
            p.mode = 'sync' and p.state = 'running'
        into v_is_there, v_is_kept
        from evident.projection as p
        where p.name = p_name;
        if not found then
            raise exception using
                errcode = 'PT404',
                message = format(
                    'no such projection: %s', coalesce(left(p_name, 200), 'null')
                ),
                detail = jsonb_build_object('name', left(p_name, 200))::text,
                hint = 'a projection has the name of its read model, schema included;'
                    ' see evident.projection_status';
        end if;
        if v_is_kept and not v_is_there then
            v_is_there := p_position is null
                or exists (
                    select
                    from evident.event_store as e
                    where e.id = p_position
                )
                or evident.safe_position() >= p_position;
        end if;
        exit when v_is_there or clock_timestamp() >= v_until;
        perform pg_sleep(
            least(v_pause, date_part('epoch', v_until - clock_timestamp()))
        );
        v_pause := least(v_pause * 2, 0.1);
    end loop;
    return v_is_there;
end;
$function$;

comment on function evident.wait_for_projection(text, bigint, interval) is
'Waits until the read model holds all events up to p_position (a feed position; null =
the last id drawn by now): true, or false after p_timeout (0 to 1 day). Call
it after the commit, at READ COMMITTED. On a standby what counts is what it has
replayed. Parked keys are not waited for. Errors: PT400 invalid argument, or this
transaction has appended itself; PT404 no such projection.';

revoke all on function evident.wait_for_projection(text, bigint, interval) from public;
grant execute on function evident.wait_for_projection(text, bigint, interval) to
evident_reader, evident_operator, evident_auditor;
