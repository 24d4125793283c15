-- evident._notify_held: say who has the lock of a projection that is not waited for.
--
-- Another runner, who is at work, or somebody who took the key by hand: evident.blocker
-- tells them apart.

create or replace function evident._notify_held(p_name text, p_key bigint)
returns void
language plpgsql
stable
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_holder text;
begin
    select case
        when l.pid is null then 'a prepared transaction'
        else format(
            'session %s%s', l.pid, ' of ' || quote_ident(a.usename)
        )
    end
    into v_holder
    from pg_locks as l
    left join pg_stat_activity as a on l.pid = a.pid
    where
        l.locktype = 'advisory'
        and l.database = (
            select d.oid
            from pg_database as d
            where d.datname = current_database()
        )
        and (l.classid::bigint << 32) | l.objid::bigint = p_key
        and l.objsubid = 1
        and l.granted
    order by l.pid
    limit 1;

    raise notice using
        message = format(
            'nothing is done: %s has the lock of projection %s',
            coalesce(v_holder, 'another transaction'), p_name
        ),
        hint = 'another runner is at work, or evident.blocker names whoever is not';
end;
$function$;

comment on function evident._notify_held(text, bigint) is
'Raises a notice that names the session which holds the lock of a projection.';

revoke all on function evident._notify_held(text, bigint) from public;
