-- evident._projection_replaces: whether rows are removed before others are written.
--
-- See _sql_write_rows. Indexes of partitions count.

create or replace function evident._projection_replaces(
    p_projection evident.projection
)
returns boolean
language sql
stable
parallel safe
begin atomic
    with part as (
        select evident._read_model(p_projection) as oid
        union
        select t.relid::oid
        from pg_partition_tree(evident._read_model(p_projection)) as t
    )

    select count(*) > 0
    from pg_index as i
    inner join part as p on i.indrelid = p.oid
    where not i.indisprimary and (i.indisunique or i.indisexclusion);
end;

comment on function evident._projection_replaces(evident.projection) is
'True where a unique or exclusion constraint besides the key would refuse values that
go from row to row.';

revoke all on function evident._projection_replaces(evident.projection) from public;
