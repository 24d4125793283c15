-- evident._run_ddl: run the DDL of a rebuild, or of switching appends on and off.
--
-- A DBA may have event triggers on all DDL, which forbid it, or write a log that
-- evident_owner and evident_projector may not write. The error is theirs, so it stays
-- as it is; the hint tells which triggers they are. Nothing but DDL is run here, no
-- fold and no wait: an error of another transaction's or the server's passes as it is.
--
-- p_is_projectors: it runs as evident_projector, to whom it makes what it makes.
--
-- Errors: those of the DDL

create or replace function evident._run_ddl(
    p_sql text,
    p_is_projectors boolean default false
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_message text;
    v_detail text;
    v_hint text;
    v_triggers text;
begin
    if p_is_projectors then
        perform evident._as_projector(p_sql);
    else
        execute p_sql;
    end if;
exception when others then
    get stacked diagnostics
        v_message = message_text,
        v_detail = pg_exception_detail,
        v_hint = pg_exception_hint;
    select
        string_agg(
            format(
                '%I (%s of %I)',
                t.evtname, t.evtfoid::regproc, pg_get_userbyid(t.evtowner)
            ),
            ', ' order by t.evtname collate "C"
        )
    into v_triggers
    from pg_event_trigger as t
    where
        t.evtenabled <> 'D'
        and t.evtevent in ('ddl_command_start', 'ddl_command_end', 'sql_drop')
        and t.evtowner is distinct from to_regrole('evident_owner');

    if v_triggers is null or not evident._is_fold_error(sqlstate) then
        raise;
    end if;
    raise exception using
        errcode = sqlstate,
        message = v_message,
        detail = coalesce(
            nullif(v_detail, ''), jsonb_build_object('event_triggers', v_triggers)::text
        ),
        hint = concat(
            nullif(v_hint, '') || '; ',
            'nothing was changed: this is DDL, and these event triggers act on it: ',
            v_triggers,
            '; they have to let evident_owner and evident_projector pass'
        );
end;
$function$;

comment on function evident._run_ddl(text, boolean) is
'Runs DDL, as evident_projector where it is that role''s; the hint of an error names the
event triggers of others.';

revoke all on function evident._run_ddl(text, boolean) from public;
