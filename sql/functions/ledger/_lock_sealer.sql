-- evident._lock_sealer: be the only one that writes to the ledger.
--
-- A lock on one row, for any login may take any advisory lock, and only the owner may
-- lock this row. Always the first incarnation's: a sealer whose snapshot is older than
-- a new incarnation would lock another row than one whose snapshot is not. Statements
-- after it see all that the last one to have it has committed.
--
-- Locks: the first row of log_identity, until the transaction ends.
-- Errors: PT500; 25006 in a read-only transaction

create or replace function evident._lock_sealer(p_must_wait boolean)
returns boolean
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_is_ours boolean;
begin
    if p_must_wait then
        perform
        from evident.log_identity as i
        where i.incarnation = 1
        for update;
    else
        perform
        from evident.log_identity as i
        where i.incarnation = 1
        for update skip locked;
    end if;
    v_is_ours := found;
    perform evident._require_log();
    if v_is_ours then
        return true;
    end if;

    raise notice using
        message = format(
            'nothing is done: %s seals, or begins an incarnation',
            coalesce(
                (
                    select
                        case
                            when l.pid is not null
                                then format(
                                    'session %s%s',
                                    l.pid, ' of ' || quote_ident(a.usename)
                                )
                            when p.gid is not null
                                then format('prepared transaction %L', p.gid)
                        end
                    from pg_locks as l
                    left join pg_stat_activity as a on l.pid = a.pid
                    left join pg_locks as t
                        on
                            l.virtualtransaction = t.virtualtransaction
                            and t.locktype = 'transactionid'
                            and t.pid is null
                    left join pg_prepared_xacts as p
                        on t.transactionid = p.transaction
                    where
                        l.granted
                        and l.pid is distinct from pg_backend_pid()
                        and (
                            l.transactionid = (
                                select i.xmax
                                from evident.log_identity as i
                                where i.incarnation = 1
                            )
                            -- Locked in a savepoint that is over: its number is not
                            -- seen any more, the table's lock is.
                            or (
                                l.relation = 'evident.log_identity'::regclass
                                and l.mode = 'RowShareLock'
                                and l.database = (
                                    select d.oid
                                    from pg_database as d
                                    where d.datname = current_database()
                                )
                            )
                        )
                    order by l.transactionid is null, l.pid, p.gid collate "C"
                    limit 1
                ),
                'another transaction'
            )
        ),
        hint = 'call again when it is over';
    return false;
end;
$function$;

comment on function evident._lock_sealer(boolean) is
'Locks what seal and begin_incarnation exclude each other by; false, with a notice
that tells who has it, when it is locked and p_must_wait is false.';

revoke all on function evident._lock_sealer(boolean) from public;
