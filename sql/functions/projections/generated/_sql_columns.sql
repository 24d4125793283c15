-- evident._sql_columns: lists of a read model's columns, as SQL.
--
-- p_form is a format() string that gets each column's quoted name, once or more:
-- %1$s. p_key takes the place of the key column's; an empty one leaves it out.

create or replace function evident._sql_columns(
    p_projection evident.projection,
    p_form text,
    p_key text default null
)
returns text
language sql
stable
parallel safe
begin atomic
    select
        string_agg(
            case
                when p_key <> '' and a.attname = (p_projection).key_column then p_key
                else format(p_form, quote_ident(a.attname))
            end,
            ', ' order by a.attnum
        )
    from pg_attribute as a
    where
        a.attrelid = evident._read_model(p_projection)
        and a.attnum > 0
        and not a.attisdropped
        and (a.attname <> (p_projection).key_column or p_key is distinct from '');
end;

comment on function
evident._sql_columns(evident.projection, text, text) is
'The read model''s columns in order, each put through format(p_form), comma between.';

revoke all on function
evident._sql_columns(evident.projection, text, text) from public;
