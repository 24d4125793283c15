-- evident._refuse_ddl: raise an error again that may be an event trigger's of others.
--
-- Rebuilds make temporary tables, and appends are switched on and off by triggers:
-- that is DDL, and a DBA may have event triggers on all of it, which forbid it, or
-- write a log that evident_owner and evident_projector may not write. The error is
-- theirs, so it stays as it is; the hint tells which they are.
--
-- Comes back without raising where there is none, or the error is another transaction's
-- or the server's: the caller raises it again as it is.
--
-- Errors: the given one

create or replace function evident._refuse_ddl(
    p_sqlstate text,
    p_message text,
    p_detail text,
    p_hint text
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_triggers constant text := (
        select
            string_agg(
                format(
                    '%I (%s of %I)',
                    t.evtname, t.evtfoid::regproc, pg_get_userbyid(t.evtowner)
                ),
                ', ' order by t.evtname collate "C"
            )
        from pg_event_trigger as t
        where
            t.evtenabled <> 'D'
            and t.evtevent in ('ddl_command_start', 'ddl_command_end', 'sql_drop')
            and t.evtowner is distinct from to_regrole('evident_owner')
    );
begin
    if v_triggers is null
        or not evident._is_fold_error(p_sqlstate)
        or p_hint like '%these event triggers act on it%'
    then
        return;
    end if;
    raise exception using
        errcode = p_sqlstate,
        message = p_message,
        detail = coalesce(
            nullif(p_detail, ''), jsonb_build_object('event_triggers', v_triggers)::text
        ),
        hint = concat(
            nullif(p_hint, '') || '; ',
            'nothing was changed: this is DDL, and these event triggers act on it: ',
            v_triggers,
            '; they have to let evident_owner and evident_projector pass'
        );
end;
$function$;

comment on function evident._refuse_ddl(text, text, text, text) is
'Raises an error again with a hint that names the event triggers of others; does
nothing where there are none.';

revoke all on function evident._refuse_ddl(text, text, text, text) from public;
