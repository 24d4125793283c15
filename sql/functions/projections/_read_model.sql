-- evident._read_model: the table of a projection, null when it is gone.
--
-- By the catalog, which anybody may read: the owner of the store has no rights on the
-- schemas of read models.

create or replace function evident._read_model(p_projection evident.projection)
returns oid
language sql
stable
parallel safe
begin atomic
    with named as (
        select parse_ident((p_projection).name) as part
    )

    select c.oid
    from named as i
    inner join pg_namespace as n on i.part[1] = n.nspname
    inner join pg_class as c on n.oid = c.relnamespace and i.part[2] = c.relname;
end;

comment on function evident._read_model(evident.projection) is
'The oid of a projection''s read model, null when it is gone.';

revoke all on function evident._read_model(evident.projection) from public;
