-- evident.require_utf8: refuse a database whose encoding is not UTF8.
--
-- The installation refuses it, a restore does not ask. Every function of the ledger
-- does, and so does every new event, by the default of recorded_by: what is there can
-- be read, folded and relayed.
--
-- What is hashed is UTF-8, and the order of keys in jsonb depends on their length in
-- the database's encoding. A dump that was restored into a database of another one
-- has the same events and other texts: every hash would look like an alarm.
--
-- A database never changes its encoding, so this is immutable: the planner calls it
-- once for a plan, and a query over leaves pays nothing for it.
--
-- Errors: 0A000

create or replace function evident.require_utf8()
returns boolean
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if getdatabaseencoding() <> 'UTF8' then
        raise exception using
            errcode = 'feature_not_supported',
            message = format(
                'evident needs a database with encoding UTF8, this one has %s',
                getdatabaseencoding()
            ),
            hint = 'restore the dump into a database made with: '
                'create database ... encoding ''UTF8'' template template0';
    end if;
    return true;
end;
$function$;

comment on function evident.require_utf8() is
'True; raises 0A000 in a database whose encoding is not UTF8, as after a restore into
another one: nothing can be appended or sealed there.';

revoke all on function evident.require_utf8() from public;
grant execute on function evident.require_utf8() to
evident_reader, evident_operator, evident_auditor;
