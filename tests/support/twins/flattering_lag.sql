-- Counts what may be read now: a feed that is held back looks like one at rest.

create or replace view evident._newest as
with newest as materialized (
    select e.id
    from evident.event_store as e
    where e.id <= evident._feed_position()
    order by e.id desc
    limit 10000
)

select
    coalesce(max(n.id), 0) as head,
    coalesce(array_agg(n.id order by n.id), '{}') as ids,
    current_setting('transaction_isolation') in (
        'repeatable read', 'serializable'
    ) as is_snapshot
from newest as n;
