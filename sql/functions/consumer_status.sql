-- evident.consumer_status: how far each consumer is, and who is at work.
--
-- One row for each partition. The lag counts ids up to the safe position, also those
-- of other partitions and types: it is the most that can be missing. The clock is
-- read here itself, since a view runs functions with its reader's rights.

create or replace view evident.consumer_status as
select
    p.consumer,
    p.partition,
    p.position,
    greatest(s.safe_position - p.position, 0) as lag,
    p.worker,
    p.epoch,
    p.lease_expires_at,
    coalesce(p.lease_expires_at > clock_timestamp(), false) as is_leased,
    (
        select count(*)
        from evident.blocker as b
        where b.stops in ('consumers', 'feed')
    ) as blockers
from evident.consumer_partition as p
cross join evident.safe_position() as s (safe_position);

comment on view evident.consumer_status is
'One row for each partition of each consumer: position (confirmed up to here), lag
(ids from there to the safe position, at most that many events), and the newest claim
that is not confirmed: worker, epoch, lease_expires_at, is_leased; and how many blockers
there are of consumers and feed, see evident.blocker. Readable at READ
COMMITTED.';

revoke all on table evident.consumer_status from public;
grant select on table evident.consumer_status to
evident_reader, evident_operator, evident_auditor, evident_consumer, evident_monitor;
