-- evident.seal: take what is new in the event store into the ledger.
--
-- Off the append path: appends hash nothing and wait for nothing. One sealer works at
-- a time; another one comes back with 0 and a notice. Events above the last sealed id,
-- up to the safe position, in the order of their ids, become the next leaves: nothing
-- that is still being written can come in below them later.
--
-- The commit waits for the disk and for synchronous standbys, whatever the session
-- says, since a tree head that was shown to others must not be lost.
--
-- Without new events a tree head is written once a day, so that a stopped sealer can
-- be told from a quiet store.
--
-- Many events are sealed in steps of a hundred thousand, each with a tree head, so that
-- the memory it takes stays the same.
--
-- What is sealed stays sealed when the store's own events, about the guards, cannot be
-- written: ledger_status shows that.
--
-- Locks: the first row of log_identity, not waited for (_lock_sealer).
-- Errors: PT400, PT500; 0A000 in a database that is not UTF8; 25006 on a standby

create or replace function evident.seal(p_max_events bigint default 100000)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set jit = off
as $function$
declare
    v_step bigint;
    v_sealed bigint;
    v_count bigint := 0;
    v_feed record;
begin
    perform evident.require_utf8();
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
    perform evident._refuse_one_snapshot();
    if not evident._lock_sealer(false) then
        return 0;
    end if;
    if current_setting('synchronous_commit') in ('off', 'local', 'remote_write') then
        perform set_config('synchronous_commit', 'on', true);
    end if;

    for v_number in 1..100 loop
        v_step := least(p_max_events - v_count, 100000);
        v_sealed := evident._seal_step(v_step);
        v_count := v_count + v_sealed;
        exit when v_sealed < v_step or v_count = p_max_events;
    end loop;

    if v_count = 0 then
        select
            f.holder_pid,
            f.holder_name,
            f.lag
        into v_feed
        from evident.feed_status as f
        where f.lag > 0;
        if found then
            raise notice using
                message = format(
                    'nothing is sealed: %s holds the feed back by %s events',
                    case
                        when v_feed.holder_pid is not null
                            then format(
                                'session %s (%s)', v_feed.holder_pid, v_feed.holder_name
                            )
                        when v_feed.holder_name is not null
                            then format(
                                'prepared transaction %L', v_feed.holder_name
                            )
                        else 'a transaction that is over by now'
                    end,
                    v_feed.lag
                ),
                hint = 'call again when it is over; evident.blocker tells whether it '
                    'is at work';
        end if;
    end if;

    perform evident._attest();
    return v_count;
end;
$function$;

comment on function evident.seal(bigint) is
'Seals new events into the ledger, at most p_max_events (1 to 10000000), and gives how
many: 0 when there are none, or, with a notice, when another session is sealing or one
holds the feed back. Call it every few seconds. Appends an event GuardChanged when what
guard_status tells has changed; ledger_status shows when that fails. Errors: PT500 the
sealed events or the tree heads are not what they were; PT400 at REPEATABLE READ and
SERIALIZABLE; 0A000 in a database that is not UTF8.';

revoke all on function evident.seal(bigint) from public;
grant execute on function evident.seal(bigint) to evident_operator;
