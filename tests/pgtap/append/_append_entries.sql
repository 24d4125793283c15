begin;
select plan(1);

select results_eq(
    $$ select n.ordinality, n.aggregate_id, n.expected, n.events, n.event_count
    from evident._append_entries('[
        {
            "aggregate_id": "01900000-0000-7000-8000-00000000000B",
            "expected_version": 7,
            "events": [{"type": "a"}, {"type": "b"}]
        },
        {
            "aggregate_id": "01900000-0000-7000-8000-00000000000a",
            "expected_version": null,
            "events": null
        },
        {
            "aggregate_id": "01900000-0000-7000-8000-00000000000c",
            "expected_version": -1,
            "events": []
        },
        {"aggregate_id": "01900000-0000-7000-8000-00000000000d"}
    ]') as n $$,
    $$ values
    (
        1::bigint, '01900000-0000-7000-8000-00000000000b'::uuid, 7::bigint,
        '[{"type": "a"}, {"type": "b"}]'::jsonb, 2
    ),
    (2, '01900000-0000-7000-8000-00000000000a', null, 'null', 0),
    (3, '01900000-0000-7000-8000-00000000000c', -1, '[]', 0),
    (4, '01900000-0000-7000-8000-00000000000d', null, null, 0) $$,
    'there is one row for each entry, in the order of the document'
);

select * from finish();
rollback;
