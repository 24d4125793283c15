-- evident._refuse_document: refuse a payload or metadata that _text_length gave no
-- length for.
--
-- Errors: PT400, always.

create or replace function evident._refuse_document(p_argument text)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_reason constant text :=
        'longer than 1048576 bytes as text, or nested deeper than 1000 levels';
    v_hint constant text :=
        'store the document elsewhere, and its hash in the event';
begin
    perform evident._refuse_argument(p_argument, v_reason, v_hint);
end;
$function$;

comment on function evident._refuse_document(text) is
'Raises PT400 for a document that is too long as text, or nested too deeply.';

revoke all on function evident._refuse_document(text) from public;
