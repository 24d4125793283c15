-- evident._refuse_text: refuse a call whose events take too much room as text.
--
-- Errors: PT400, always.

create or replace function evident._refuse_text(p_argument text)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._refuse_argument(
        p_argument,
        'the numbers of its events together take more than 16777216 bytes as text',
        'split the call'
    );
end;
$function$;

comment on function evident._refuse_text(text) is
'Raises PT400 for events that together take too much room as text.';

revoke all on function evident._refuse_text(text) from public;
