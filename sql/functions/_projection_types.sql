-- evident._projection_types: SQL that tells whether a projection folds an event.
--
-- p_event is the SQL of a row with the column event_type.

create or replace function evident._projection_types(
    p_projection evident.projection,
    p_event text
)
returns text
language sql
immutable
parallel safe
begin atomic
    select case
        when (p_projection).event_types is null then 'true'
        else format(
            '%s.event_type = any (%L::text[])', p_event, (p_projection).event_types
        )
    end;
end;

comment on function evident._projection_types(evident.projection, text) is
'SQL that is true for events that the projection folds; p_event is the row''s SQL.';

revoke all on function evident._projection_types(evident.projection, text) from public;
