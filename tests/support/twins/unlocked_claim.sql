-- claim_events that looks for a free partition without locking it, and takes its time
-- before it reads the events: others claim and confirm them meanwhile.

do $do$
declare
    v_source constant text := pg_get_functiondef(
        'evident.claim_events(text, text, integer, interval)'::regprocedure
    );
    v_broken constant text := replace(
        replace(v_source, 'for no key update of p skip locked', ''),
        'exit when not found;',
        'exit when not found; perform pg_sleep(0.003);'
    );
begin
    assert v_broken <> v_source, 'the lock is not where this twin looks for it';
    execute v_broken;
end;
$do$;
