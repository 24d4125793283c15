-- evident._note_rebuild: record that a slice was rebuilt.
--
-- Once slices that make up the whole were folded with the present definition, the rows
-- are what it says, and the projection is no longer stale. A slice may have been cut
-- into smaller ones, of twice as many: what a later one covers in part is forgotten.
-- The projection's row is also touched when rows were written: see
-- _sql_refuse_old_snapshot.

create or replace function evident._note_rebuild(
    p_projection evident.projection,
    p_slice integer,
    p_slices integer,
    p_definition text,
    p_events_until bigint,
    p_rows_written bigint,
    p_locked_at timestamptz
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    delete from evident.projection_rebuild as b
    where
        b.projection = p_projection.name
        and b.slices <> p_slices
        and b.slice % gcd(b.slices, p_slices) = p_slice % gcd(b.slices, p_slices);

    insert into evident.projection_rebuild as b (
        projection, slice, slices, definition, events_until, rows_written, lock_time
    )
    values (
        p_projection.name, p_slice, p_slices, p_definition, p_events_until,
        p_rows_written, evident._now() - p_locked_at
    )
    on conflict (projection, slice) do update
    set
        definition = excluded.definition,
        events_until = excluded.events_until,
        rows_written = excluded.rows_written,
        lock_time = excluded.lock_time,
        rebuilt_at = excluded.rebuilt_at;

    update evident.projection as p
    set
        definition = case
            when (
                select
                    bool_and(b.most % b.slices = 0)
                    -- collation: a number
                    and sum(b.most / b.slices) = max(b.most)
                from (
                    select
                        r.slices,
                        -- collation: a number
                        max(r.slices) over () as most
                    from evident.projection_rebuild as r
                    where r.projection = p.name and r.definition = p_definition
                ) as b
            ) then p_definition
            else p.definition
        end
    where
        p.name = p_projection.name
        and (p_rows_written > 0 or p.definition is distinct from p_definition);
end;
$function$;

comment on function
evident._note_rebuild(
    evident.projection, integer, integer, text, bigint, bigint, timestamptz
) is
'Records a rebuilt slice, and that the projection is not stale once all are.';

revoke all on function
evident._note_rebuild(
    evident.projection, integer, integer, text, bigint, bigint, timestamptz
) from public;
