-- evident._projection_trigger: the name of a projection's trigger on the event store.
--
-- The one for batches has the ending _batch.

create or replace function evident._projection_trigger(
    p_projection evident.projection
)
returns text
language sql
immutable
parallel safe
begin atomic
    select 'event_store_' || array_to_string(parse_ident((p_projection).name), '_');
end;

comment on function evident._projection_trigger(evident.projection) is
'The name, not quoted, of the trigger that keeps a synchronous projection.';

revoke all on function evident._projection_trigger(evident.projection) from public;
