-- Takes the position of this moment for one of the snapshot.

create or replace view evident._newest as
with newest as materialized (
    select e.id
    from evident.event_store as e
    order by e.id desc
    limit 10000
)

select
    coalesce(max(n.id), 0) as head,
    coalesce(array_agg(n.id order by n.id), '{}') as ids,
    false as is_snapshot
from newest as n;
