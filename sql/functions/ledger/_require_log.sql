-- evident._require_log: raise PT500 when a row is missing that the installation made.
--
-- A dump of the schema alone, or a copy of some tables, leaves them empty. Each
-- function that works on the ledger asks before it begins, so that none works on
-- nothing, or waits for a row that never comes.
--
-- Errors: PT500

create or replace function evident._require_log()
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_reason constant text := case
        when not exists (
            select from evident.log_identity as i where i.incarnation = 1
        ) then 'log_identity has no row of incarnation 1'
        when not exists (select from evident.ledger_state as s)
            then 'ledger_state has no row'
    end;
begin
    if v_reason is not null then
        raise exception using
            errcode = 'PT500',
            message = 'the log is not whole: ' || v_reason,
            detail = jsonb_build_object('reason', v_reason)::text,
            hint = 'restore the ledger''s tables from where the events came; for a '
                'new log, as a member of evident_owner: '
                'select evident.initialize_log()';
    end if;
    if not exists (select from evident.tree_head as h) then
        perform evident._refuse_ledger(
            0, 'does not have its newest tree head any more'
        );
    end if;
end;
$function$;

comment on function evident._require_log() is
'Raises PT500 unless the log has its first incarnation, a tree head and the sealer''s
row.';

revoke all on function evident._require_log() from public;
