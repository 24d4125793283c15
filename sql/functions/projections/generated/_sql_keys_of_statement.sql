-- evident._sql_keys_of_statement: SQL for the events of a statement, once for each key.
--
-- A query of key, event and position, over the array p_events of
-- kept_batch_<projection>.

create or replace function evident._sql_keys_of_statement(
    p_projection evident.projection
)
returns text
language sql
stable
parallel safe
begin atomic
    select format(
        $sql$
            select
                k.key,
                e.event,
                e.id as position
            from (
                select
                    n as event,
                    n.id
                from unnest(p_events) as n
                where %s
                offset 0
            ) as e
            cross join lateral (%s) as k (key)
        $sql$,
        evident._sql_is_folded(p_projection, 'n'),
        evident._sql_keys_of(p_projection, 'e.event')
    );
end;

comment on function evident._sql_keys_of_statement(evident.projection) is
'SQL for a query of key, event and position over the events of a statement.';

revoke all on function evident._sql_keys_of_statement(evident.projection) from public;
