-- Takes back 0002: the table. Refused while it holds events.

set local role evident_owner;
set local search_path = pg_catalog, pg_temp;
set local lock_timeout = '5s';
-- A policy that is forced on the owner too hides nothing: the question is refused.
set local row_security = off;

do $do$
begin
    -- It would not see what was committed while it waited for the lock.
    if current_setting('transaction_isolation')
        in ('repeatable read', 'serializable')
    then
        raise exception using
            errcode = 'PT400',
            message = format(
                'rollback refused: %s has one snapshot for all statements',
                current_setting('transaction_isolation')
            ),
            hint = 'run it at READ COMMITTED';
    end if;
    lock table evident.event_store in access exclusive mode;
    if exists (select from evident.event_store) then
        raise exception using
            errcode = 'PT403',
            message = 'rollback refused: evident.event_store holds events',
            detail = jsonb_build_object(
                'table', 'evident.event_store',
                'operation', 'ROLLBACK'
            )::text,
            hint = 'history is not for a rollback to drop; when it really is to '
                'go, back it up and run: drop schema evident cascade';
    end if;
    -- In this statement, so that a client that continues after the refusal drops
    -- nothing.
    drop table evident.event_store;
end;
$do$;

-- [begin generated rollback]
drop function evident.require_utf8();
drop function evident._uuid_v7();
drop function evident._now();

-- [begin sql/functions/core/version.sql]
-- evident.version: the newest engine migration whose objects are in place.
--
-- Migration tools keep their own marks, and a crash between a migration's
-- commit and its mark leaves the two apart. This function is replaced inside
-- each migration's transaction, so it tells what the schema really is.

create or replace function evident.version()
returns text
language sql
immutable
parallel safe
begin atomic
    select '0001_schema_and_roles'::text;
end;

comment on function evident.version() is
'The id of the newest engine migration that is in effect, such as 0005_guards.';

revoke all on function evident.version() from public;
grant execute on function evident.version() to
evident_writer, evident_reader, evident_operator, evident_auditor;
-- [end sql/functions/core/version.sql]
-- [end generated rollback]
