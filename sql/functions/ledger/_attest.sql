-- evident._attest: write the store's own events, whatever comes of it.
--
-- What was sealed, and an incarnation that was begun, stay so when an event about them
-- cannot be stored: some trigger on event_store may raise, a lock may be held. So each
-- kind has a block of its own, and an error is stored for ledger_status, to be cleared
-- when all is well again; the next seal tries anew. Cancelling still cancels.
--
-- Needs the sealer's lock.

create or replace function evident._attest()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $function$
declare
    v_code text;
    v_message text;
begin
    begin
        perform evident._attest_incarnations();
    exception when others or assert_failure then
        get stacked diagnostics
            v_code = returned_sqlstate,
            v_message = message_text;
    end;
    begin
        perform evident._record_guard_changes();
    exception when others or assert_failure then
        get stacked diagnostics
            v_code = returned_sqlstate,
            v_message = message_text;
    end;
    begin
        update evident.ledger_state as s
        set
            attestation_sqlstate = v_code,
            attestation_error = left(v_message, 1000),
            attestation_failed_at = case
                when v_code is not null
                    then coalesce(s.attestation_failed_at, evident._now())
            end
        where
            (s.attestation_sqlstate, s.attestation_error)
            is distinct from (v_code, left(v_message, 1000));
        if not exists (
            select
            from evident.ledger_state as s
            where
                (s.attestation_sqlstate, s.attestation_error)
                is not distinct from (v_code, left(v_message, 1000))
        ) then
            raise warning using
                errcode = 'PT500',
                message = concat(
                    'how the attestation of the guards ended is not stored: '
                    'ledger_state has no such row', '; ' || v_message
                );
        end if;
    exception when others or assert_failure then
        raise warning using
            errcode = sqlstate,
            message = 'how the attestation of the guards ended is not stored: '
                || sqlerrm;
    end;
end;
$function$;

comment on function evident._attest() is
'Appends the events IncarnationBegun and GuardChanged that are due; an error is stored
in ledger_state, and undoes nothing else.';

revoke all on function evident._attest() from public;
