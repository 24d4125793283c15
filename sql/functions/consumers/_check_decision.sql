-- evident._check_decision: refuse a decision without who decided it, and why.
--
-- The whole length: blanks at the ends are stored as well.
--
-- Errors: PT400

create or replace function evident._check_decision(p_actor text, p_reason text)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if coalesce(char_length(p_actor), 0) not between 1 and 200
        or trim(p_actor) = ''
    then
        perform evident._refuse_argument(
            'p_actor', 'not a text of 1 to 200 characters', 'name who decided it'
        );
    end if;
    if coalesce(char_length(p_reason), 0) not between 1 and 1000
        or trim(p_reason) = ''
    then
        perform evident._refuse_argument(
            'p_reason', 'not a text of 1 to 1000 characters', 'tell why'
        );
    end if;
end;
$function$;

comment on function evident._check_decision(text, text) is
'Raises PT400 unless p_actor has 1 to 200 characters and p_reason 1 to 1000.';

revoke all on function evident._check_decision(text, text) from public;
