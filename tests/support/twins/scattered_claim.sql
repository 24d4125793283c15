-- claim_events that deals events out by their ids, not by their aggregates.

select pg_temp.spoil(
    'evident.claim_events(text, text, integer, interval)',
    'evident._partition_of(e.aggregate_id, v_free.partitions)',
    'e.id % v_free.partitions'
);
