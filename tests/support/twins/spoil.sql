-- For the twins here: replace a piece of a function's source by another one, which has
-- to be there. In this session only.

create or replace function pg_temp.spoil(
    p_function regprocedure,
    p_piece text,
    p_broken text
)
returns void
language plpgsql
as $spoil$
declare
    v_source constant text := pg_get_functiondef(p_function);
    v_broken constant text := replace(v_source, p_piece, p_broken);
begin
    assert v_broken <> v_source, format('%s is not in %s', p_piece, p_function);
    execute v_broken;
end;
$spoil$;
