-- evident._refuse_lock: raise 55P03, and name who has the lock.
--
-- PostgreSQL tells whom a session waits for only while it waits, and not which row of a
-- table it waits for. So of those who have locked the tables, or rows of them, the one
-- is named that has been at it longest: its transaction id is the oldest. Whoever has
-- locked a table by hand needs none, and comes first.
--
-- Errors: 55P03, always

create or replace function evident._refuse_lock(
    p_name text,
    p_message text,
    p_tables oid[],
    p_hint text
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_holder record;
begin
    select
        l.pid,
        case
            when l.pid is null then format('prepared transaction %L', p.gid)
            else format(
                'session %s (%s)',
                l.pid, coalesce(nullif(a.application_name, ''), a.usename)
            )
        end as name,
        c.relname
    into v_holder
    from pg_locks as l
    inner join pg_class as c on l.relation = c.oid
    left join pg_stat_activity as a on l.pid = a.pid
    left join pg_locks as t
        on
            l.virtualtransaction = t.virtualtransaction
            and t.locktype = 'transactionid'
            and t.granted
            and t.mode = 'ExclusiveLock'
    left join pg_prepared_xacts as p
        on t.transactionid = p.transaction and l.pid is null
    where
        l.locktype = 'relation'
        and l.granted
        and l.mode <> 'AccessShareLock'
        and l.relation = any(p_tables)
        and l.database = (
            select d.oid
            from pg_database as d
            where d.datname = current_database()
        )
        and l.pid is distinct from pg_backend_pid()
    -- collation: numbers
    order by
        (l.mode in ('RowShareLock', 'RowExclusiveLock'))::integer,
        age(t.transactionid) desc nulls last,
        l.pid
    limit 1;

    raise exception using
        errcode = 'lock_not_available',
        message = p_message,
        detail = jsonb_build_object(
            'projection', p_name,
            'holder_pid', v_holder.pid,
            'holder', v_holder.name
        )::text,
        hint = coalesce(
            format(
                '%s has locked %I, or rows of it; ', v_holder.name, v_holder.relname
            ),
            'whoever had the lock is over by now; '
        ) || p_hint;
end;
$function$;

comment on function evident._refuse_lock(text, text, oid[], text) is
'Raises 55P03 for a projection; the hint names who has locked the tables, or rows of
them.';

revoke all on function evident._refuse_lock(text, text, oid[], text) from public;
