-- evident._sql_write_rows: SQL that writes rows into the read model.
--
-- p_rows is SQL that gives key and next_row, one per key. A row without a key
-- removes the key's stored row. It gives one row, with the number of rows given.
--
-- Where something besides the key must be unique, a value may go from one of the rows
-- to another, and the order of the writes would decide whether that is refused. So all
-- stored rows are removed there before the first is written; other transactions see
-- neither. Otherwise rows are updated, which costs less; who waits for one finds it.

create or replace function evident._sql_write_rows(
    p_projection evident.projection,
    p_rows text
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        with given as materialized ({rows}),

        removed as (
            delete from {table} as t
            using given as g
            where t.{key} = g.key and {is_removed}
            returning 1
        ),

        kept as (
            insert into {table} as t ({columns})
            select {values}
            from given as g
            cross join (select count(*) from removed) as r
            where (g.next_row).{key} is not null
            {on_conflict}
        )

        select count(*) from given
        $sql$,
        jsonb_build_object(
            'rows', p_rows,
            'table', (p_projection).name,
            'key', format('%I', (p_projection).key_column),
            'columns', evident._sql_columns(p_projection, '%1$s'),
            'values', evident._sql_columns(
                p_projection, '(g.next_row).%1$s', 'g.key'
            ),
            'on_conflict', evident._sql_on_conflict(p_projection),
            'is_removed', case
                when evident._projection_replaces(p_projection) then 'true'
                else format('(g.next_row).%I is null', (p_projection).key_column)
            end
        )
    );
end;

comment on function evident._sql_write_rows(evident.projection, text) is
'SQL that upserts and deletes rows of the read model; p_rows gives key and next_row.';

revoke all on function evident._sql_write_rows(evident.projection, text) from public;
