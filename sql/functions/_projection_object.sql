-- evident._projection_object: the qualified name of an object made for a projection.
--
-- p_form is a format() string that gets the read model's name: fold_%s. All of
-- them live in the read model's schema. Made from the name alone, so that it can
-- be told also when the read model is gone.

create or replace function evident._projection_object(
    p_projection evident.projection,
    p_form text
)
returns text
language sql
immutable
parallel safe
begin atomic
    select format(
        '%I.%I',
        (parse_ident((p_projection).name))[1],
        format(p_form, (parse_ident((p_projection).name))[2])
    );
end;

comment on function evident._projection_object(evident.projection, text) is
'The qualified name of an object made for the projection; p_form names it.';

revoke all on function evident._projection_object(evident.projection, text)
from public;
