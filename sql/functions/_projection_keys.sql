-- evident._projection_keys: SQL for the keys that an event touches.
--
-- A query of one column. p_event is the SQL of the event. Null and '' are no keys:
-- '' stands for the keys of an event that cannot be told.

create or replace function evident._projection_keys(
    p_projection evident.projection,
    p_event text
)
returns text
language sql
stable
parallel safe
begin atomic
    select case
        when (p_projection).keys is null
            then format('select (%s).aggregate_id', p_event)
        else format(
            'select distinct r.key::%s from %s(%s) as r (key) where r.key::text <> %L',
            (p_projection).key_type,
            evident._projection_object(p_projection, 'keys_%s'),
            p_event,
            ''
        )
    end;
end;

comment on function evident._projection_keys(evident.projection, text) is
'SQL for a query that gives the keys of an event, once each; p_event is its SQL.';

revoke all on function evident._projection_keys(evident.projection, text) from public;
