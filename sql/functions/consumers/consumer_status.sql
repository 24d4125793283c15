-- evident.consumer_status: how far each consumer is, and who is at work.
--
-- One row for each partition. Lag counts the events that were committed before the
-- statement, held back by the feed or not, also those of other partitions and types:
-- claim_events passes them by. The clock is read here itself, since a view runs
-- functions with its reader's rights.

create or replace view evident.consumer_status as
select
    p.consumer,
    p.partition,
    p.position,
    evident._events_after(n.ids, p.position) as lag,
    p.worker,
    p.epoch,
    p.lease_expires_at,
    coalesce(p.lease_expires_at > clock_timestamp(), false) as is_leased,
    (
        select count(*)
        from evident.blocker as b
        where b.stops in ('consumers', 'feed')
    ) as blockers,
    round(
        greatest(
            extract(epoch from clock_timestamp()) - extract(epoch from o.occurred_at), 0
        ),
        3
    ) as seconds_behind,
    n.is_snapshot,
    case when p.attempted_id > p.position then p.attempts else 0 end as attempts,
    (
        select count(*)
        from evident.consumer_parked as w
        where
            w.consumer = p.consumer
            and w.partition = p.partition
            and w.parked_version is not null
    ) as parked
from evident.consumer_partition as p
cross join evident._newest as n
left join lateral (
    select e.occurred_at
    from evident.event_store as e
    where e.id > p.position
    order by e.id
    limit 1
) as o on true;

comment on view evident.consumer_status is
'One row for each partition of each consumer: position (confirmed up to here), lag
(committed events after it, also those of other partitions and types and those that the
feed holds back; above 10,000 an estimate), seconds_behind (the age of the oldest of
them), and the newest claim that is not confirmed: worker, epoch, lease_expires_at,
is_leased; and how many blockers there are of consumers and feed, see evident.blocker;
attempts, how many claims in a row began with the event that is first behind position;
parked, how many aggregates wait for retry_parked or skip_parked, see
evident.consumer_parked.
Where is_snapshot (REPEATABLE READ, SERIALIZABLE) all is as the snapshot knows it.';

revoke all on table evident.consumer_status from public;
grant select on table evident.consumer_status to
evident_reader, evident_operator, evident_auditor, evident_consumer, evident_monitor;
