-- evident._newest: the newest 10,000 events' ids, to count what is behind with.
--
-- One row. How many events follow a position is then a search in an array
-- (_events_after), for any number of projections, partitions and tiles, at the cost
-- of one walk over the end of an index, whether 10 events are behind or 10,000,000.
--
-- By the snapshot of the statement that reads it: all that was committed before, held
-- back by the feed or not. Its readers need no right to the events. Of two sources, as
-- announcement is.

create or replace view evident._newest as
with newest as materialized (
    select e.id
    from evident.event_store as e
    order by e.id desc
    limit 10000
)

select
    i.head,
    i.ids,
    s.is_snapshot
from (
    select
        coalesce(max(n.id), 0) as head,
        coalesce(array_agg(n.id order by n.id), '{}') as ids
    from newest as n
) as i
cross join (
    values (
        current_setting('transaction_isolation') in ('repeatable read', 'serializable')
    )
) as s (is_snapshot);

comment on view evident._newest is
'One row: the id of the newest event, those of the newest 10,000, and whether the
statement shares its snapshot with earlier ones.';
