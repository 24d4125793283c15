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
    select evident._fill(
        $sql$
        select
            k.key,
            {refold}(
                case when k.is_first then coalesce({stored}, {blank}) else {blank} end,
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
            from ({events}) as v
        ) as k
        group by k.key
        $sql$,
        jsonb_build_object(
            'refold', evident._name_of_object(p_projection, 'refold_%s'),
            'stored', p_stored,
            'blank', evident._sql_blank_row(p_projection, 'k.key'),
            'events', p_events
        )
    );
end;

comment on function evident._sql_fold_by_key(evident.projection, text, text) is
'SQL that folds the events of p_events (key, event, position) onto the rows of
p_stored, and gives key and next_row.';

revoke all on function evident._sql_fold_by_key(evident.projection, text, text)
from public;
