-- evident._name_of_object: the qualified name of an object made for a projection.
--
-- p_form is a format() string that gets the projection's name: fold_%s. All of them are
-- in schema evident, where nobody can put another in their place, and belong to
-- evident_projector. With the read model's schema, and its dot: a_b.c and a.b_c are two
-- read models. Made from the name alone, so that it can be told also when the read
-- model is gone.

create or replace function evident._name_of_object(
    p_projection evident.projection,
    p_form text
)
returns text
language sql
immutable
parallel safe
begin atomic
    select format('evident.%I', format(p_form, (p_projection).name));
end;

comment on function evident._name_of_object(evident.projection, text) is
'The qualified name of an object made for the projection; p_form names it.';

revoke all on function evident._name_of_object(evident.projection, text)
from public;
