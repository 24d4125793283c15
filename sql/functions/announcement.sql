-- evident.announcement: the announcements of running appends, by lock.
--
-- The one definition of what holds the feed back: shared advisory locks of this
-- database whose key carries 17750 and a position (_announce_append), or 17757 and a
-- position beside random bits (_announce_again). Read by safe_position with its
-- caller's rights, and by feed_status.

create or replace view evident.announcement as
select
    k.pid,
    k.virtualtransaction,
    case k.space
        when 17750 then k.key
        else ((k.key >> 25) & 262143) << (k.key >> 43)::integer
    end as position
from (
    select
        l.pid,
        l.virtualtransaction,
        l.classid::bigint >> 16 as space,
        ((l.classid::bigint & 65535) << 32) | l.objid::bigint as key
    from pg_locks as l
    where
        l.locktype = 'advisory'
        and l.database = (
            select d.oid
            from pg_database as d
            where d.datname = current_database()
        )
        and l.classid::bigint >> 16 in (17750, 17757)
        and l.objsubid = 1
        and l.mode = 'ShareLock'
        and l.granted
) as k;

comment on view evident.announcement is
'One row for each announcement of a running append: pid (null: a prepared
transaction), virtualtransaction, and the position that it announced.';

revoke all on table evident.announcement from public;
grant select on table evident.announcement to
evident_reader, evident_operator, evident_auditor, evident_monitor;
