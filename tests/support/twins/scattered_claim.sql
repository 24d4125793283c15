-- claim_events that deals events out by their ids, not by their aggregates.

do $do$
declare
    v_source constant text := pg_get_functiondef(
        'evident.claim_events(text, text, integer, interval)'::regprocedure
    );
    v_broken constant text := replace(
        v_source,
        'evident._partition_of(e.aggregate_id, v_free.partitions)',
        'e.id % v_free.partitions'
    );
begin
    assert v_broken <> v_source, 'the partition is not where this twin looks for it';
    execute v_broken;
end;
$do$;
