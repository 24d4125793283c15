-- claim_events that deals events out by their ids, not by their aggregates.

select pg_temp.spoil(
    'evident._next_events(text, integer, bigint, bigint, bigint)',
    'evident._partition_of(e.aggregate_id, v_consumer.partitions)',
    'e.id % v_consumer.partitions'
);
