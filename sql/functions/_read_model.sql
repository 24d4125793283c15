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
    select c.oid
    from pg_class as c
    inner join pg_namespace as n on c.relnamespace = n.oid
    where
        c.relname = (parse_ident((p_projection).name))[2]
        and n.nspname = (parse_ident((p_projection).name))[1];
end;

comment on function evident._read_model(evident.projection) is
'The oid of a projection''s read model, null when it is gone.';

revoke all on function evident._read_model(evident.projection) from public;
