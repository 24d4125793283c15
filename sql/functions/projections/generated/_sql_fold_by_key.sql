-- evident._sql_fold_by_key: SQL for the rows that some events lead to, by key.
--
-- Columns: key, next_row. p_events is SQL that gives key, event and position;
-- p_stored is SQL for the row that k.key has before the first of them, null when it
-- has none. A key's first event gets that row, the others a blank one: the fold
-- looks at it only when there is no row, and one that an event removed
-- must not come back as it was stored.

create or replace function evident._sql_fold_by_key(
    p_projection evident.projection,
    p_events text,
    p_stored text
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
            %1$s(
                case when k.is_first then coalesce(%2$s, %3$s) else %3$s end,
                k.event
                order by k.position
            ) as next_row
        from (
            select
                v.key,
                v.event,
                v.position,
                row_number() over (partition by v.key order by v.position) = 1
                    as is_first
            from (%4$s) as v
        ) as k
        group by k.key
        $sql$,
        evident._name_of_object(p_projection, 'refold_%s'),
        p_stored,
        evident._sql_blank_row(p_projection, 'k.key'),
        p_events
    );
end;

comment on function evident._sql_fold_by_key(evident.projection, text, text) is
'SQL that folds the events of p_events (key, event, position) onto the rows of
p_stored, and gives key and next_row.';

revoke all on function evident._sql_fold_by_key(evident.projection, text, text)
from public;
