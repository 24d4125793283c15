-- evident._is_batch: tell whether a statement appends a batch.
--
-- For the triggers of synchronous projections, see _make_keep. PostgreSQL reads the
-- condition of a trigger anew from its text in each statement: a call without arguments
-- is read in a fifth of the time that the expression in it takes.
--
-- Runs under the path of whoever inserts: each name is qualified.

create or replace function evident._is_batch()
returns boolean
language plpgsql
stable
parallel safe
as $function$
begin
    return coalesce(
        pg_catalog.current_setting('evident.is_batch', true)
        operator(pg_catalog.=) 'on',
        false
    );
end;
$function$;

comment on function evident._is_batch() is
'Whether evident.is_batch is on: then one trigger folds all events of a statement.';

revoke all on function evident._is_batch() from public;
