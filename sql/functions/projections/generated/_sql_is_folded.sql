-- evident._sql_is_folded: SQL that tells whether a projection folds an event.
--
-- p_event is the SQL of a row of the event store. What the store itself writes, under
-- the aggregate nil, is nobody's business but of a projection that names its types; in
-- an append's transaction no fold meets it, so that no fold can stop the store.
--
-- Names are qualified: a trigger looks here before it knows its path.

create or replace function evident._sql_is_folded(
    p_projection evident.projection,
    p_event text
)
returns text
language sql
immutable
parallel safe
begin atomic
    select concat_ws(
        ' and ',
        case
            when (p_projection).event_types is not null then format(
                '%s.event_type operator(pg_catalog.=) any (%L::pg_catalog.text[])',
                p_event, (p_projection).event_types
            )
        end,
        case
            when (p_projection).mode = 'sync' or (p_projection).event_types is null
                then format(
                    '%s.aggregate_id operator(pg_catalog.<>) %L::pg_catalog.uuid',
                    p_event, '00000000-0000-0000-0000-000000000000'
                )
        end
    );
end;

comment on function evident._sql_is_folded(evident.projection, text) is
'SQL that is true for events that the projection folds; p_event is the row''s SQL.';

revoke all on function evident._sql_is_folded(evident.projection, text) from public;
