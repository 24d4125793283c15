-- evident._sql_on_conflict: SQL that makes an insert into the read model an upsert.
--
-- A row is updated also where the key is its only column, so that the number of rows
-- written tells whether there was one to write.

create or replace function evident._sql_on_conflict(
    p_projection evident.projection
)
returns text
language sql
stable
parallel safe
begin atomic
    select format(
        'on conflict (%1$I) do update set %2$s',
        (p_projection).key_column,
        coalesce(
            evident._sql_columns(p_projection, '%1$s = excluded.%1$s', ''),
            format('%1$I = excluded.%1$I', (p_projection).key_column)
        )
    );
end;

comment on function evident._sql_on_conflict(evident.projection) is
'SQL for the "on conflict" of an insert into the read model.';

revoke all on function evident._sql_on_conflict(evident.projection) from public;
