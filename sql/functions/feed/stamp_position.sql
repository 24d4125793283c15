-- evident.stamp_position: store the safe position, for standbys and for waiters.
--
-- A standby cannot tell who is writing on its primary; it reads up to the newest
-- stamp instead. Everything at or below a position was visible when
-- the position was taken, so its commit stands in the log before the stamp's, and a
-- standby that shows the stamp shows all of it.
--
-- A stamp never goes back: the row is locked, and its newest version compared. Nobody
-- waits for another stamper; who finds one at work leaves it to that one.
--
-- NOTIFY is sent here, once for each stamp that moved, and never by an append: its
-- commit takes a lock that all notifying transactions of the cluster share.
--
-- Locks: the one row of feed_stamp, skipped when it is locked.
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500; 25006 on a standby

create or replace function evident.stamp_position(p_must_notify boolean default false)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
declare
    v_position bigint := evident.safe_position();
begin
    perform
    from evident.feed_stamp as s
    where s.position < v_position
    for no key update skip locked;

    if not found then
        select s.position
        into v_position
        from evident.feed_stamp as s;
        if not found then
            raise exception using
                errcode = 'PT500',
                message = 'the stamp has nowhere to be stored',
                detail = '{"reason": "feed_stamp has no row"}',
                hint = 'as a member of evident_owner: select evident.initialize_log()';
        end if;
        return v_position;
    end if;

    update evident.feed_stamp as s
    set
        position = v_position,
        stamped_at = evident._now()
    where s.is_only;

    if p_must_notify then
        perform pg_notify('evident', v_position::text);
    end if;
    return v_position;
end;
$function$;

comment on function evident.stamp_position(boolean) is
'Stores the safe position, which is where the feed of standbys ends, and gives the
position that is stored now. It never goes back. With p_must_notify one NOTIFY evident
with the position is sent when it moved. For READ COMMITTED on the primary: call it at
intervals. Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500 the row of
feed_stamp is gone, or the sequence of the ids is behind its rows.';

revoke all on function evident.stamp_position(boolean) from public;
grant execute on function evident.stamp_position(boolean) to evident_operator;
