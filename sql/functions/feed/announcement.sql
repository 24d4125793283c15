-- evident.announcement: the announcements of running appends, by lock.
--
-- The one definition of what holds the feed back: shared advisory locks of this
-- database whose key carries 17750 and a position (_announce_append), or 17757 and a
-- position beside random bits (_announce_again). Read by safe_position with its
-- caller's rights, and by feed_status.
--
-- Of two sources, since PostgreSQL 15 writes the definition of a view over one source
-- in another way than later versions, and guard_status compares definitions.

create or replace view evident.announcement as
select
    l.pid,
    l.virtualtransaction,
    case k.space
        when 17750 then k.key
        else ((k.key >> 25) & 262143) << (k.key >> 43)::integer
    end as position
from pg_locks as l
inner join lateral (
    values (
        l.classid::bigint >> 16,
        ((l.classid::bigint & 65535) << 32) | l.objid::bigint
    )
) as k (space, key) on true
where
    l.locktype = 'advisory'
    and l.database = (
        select d.oid
        from pg_database as d
        where d.datname = current_database()
    )
    and k.space in (17750, 17757)
    and l.objsubid = 1
    and l.mode = 'ShareLock'
    and l.granted;

comment on view evident.announcement is
'One row for each announcement of a running append: pid (null: a prepared
transaction), virtualtransaction, and the position that it announced.';

revoke all on table evident.announcement from public;
grant select on table evident.announcement to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
