-- evident._name_of_trigger: the name of a projection's trigger on the event store.
--
-- p_form is that of the trigger's function, see _name_of_object. With the schema,
-- and its dot: a_b.c and a.b_c are two read models.

create or replace function evident._name_of_trigger(
    p_projection evident.projection,
    p_form text
)
returns text
language sql
immutable
parallel safe
begin atomic
    select 'event_store_' || format(p_form, (p_projection).name);
end;

comment on function evident._name_of_trigger(evident.projection, text) is
'The name, not quoted, of a trigger that keeps a synchronous projection.';

revoke all on function evident._name_of_trigger(evident.projection, text)
from public;
