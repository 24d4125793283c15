-- evident._append_entries: the entries of one append document as rows.
--
-- Inlined by the planner. Casts are safe once the document is checked.

create or replace function evident._append_entries(p_appends jsonb)
returns table (
    ordinality bigint,
    aggregate_id uuid,
    expected bigint,
    events jsonb,
    event_count integer
)
language sql
immutable
parallel safe
begin atomic
    select
        a.ordinality,
        (a.value ->> 'aggregate_id')::uuid as aggregate_id,
        (a.value ->> 'expected_version')::bigint as expected,
        a.value -> 'events' as events,
        coalesce(jsonb_array_length(nullif(a.value -> 'events', 'null')), 0)
            as event_count
    from jsonb_array_elements(p_appends) with ordinality as a (value, ordinality);
end;

comment on function evident._append_entries(jsonb) is
'One row for each entry of an append document, in its order.';

revoke all on function evident._append_entries(jsonb) from public;
