-- evident._lock_read_model: stop writers of a read model, but no reader.
--
-- For the last step of a rebuild of a projection that appends keep. They take a lock on
-- the table with their writes, and queue behind whoever asks for this one: hence
-- short attempts, with pauses in which they go on. The later ones are longer than
-- deadlock_timeout, after which autovacuum gives way.
--
-- When triggers are to be made anew it stops all appends instead, so that none is under
-- way that has begun with the old ones.
--
-- It holds nothing meanwhile that an append waits for. The projection's row comes
-- afterwards, as it does in appends with one snapshot (_projection_snapshot).
--
-- Gives the moment when the attempt that succeeded began.
--
-- Locks: SHARE ROW EXCLUSIVE on the read model, or on evident.event_store
-- Errors: 55P03 when a transaction keeps its lock for too long

create or replace function evident._lock_read_model(
    p_projection evident.projection,
    p_must_stop_appends boolean
)
returns timestamptz
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_timeout constant text := current_setting('lock_timeout');
    v_table constant text := case
        when p_must_stop_appends then 'evident.event_store'
        else p_projection.name
    end;
    v_started_at timestamptz;
begin
    for v_attempt in 1..12 loop
        v_started_at := evident._now();
        begin
            perform set_config(
                'lock_timeout', case when v_attempt <= 8 then '150ms' else '1200ms' end,
                true
            );
            if p_must_stop_appends then
                lock table evident.event_store in share row exclusive mode;
            else
                perform evident._as_projector(
                    format('lock table %s in share row exclusive mode', v_table)
                );
            end if;
            perform set_config('lock_timeout', v_timeout, true);
            return v_started_at;
        exception when lock_not_available then
            null;
        end;
        perform pg_sleep(0.05 * v_attempt);
    end loop;

    raise exception using
        errcode = 'lock_not_available',
        message = format(
            'could not stop writers of %s: a transaction that wrote it is still open',
            v_table
        ),
        detail = jsonb_build_object('projection', p_projection.name)::text,
        hint = 'nothing was changed; run the rebuild again when it is over';
end;
$function$;

comment on function evident._lock_read_model(evident.projection, boolean) is
'Stops writers of a read model, or all appends, until the transaction ends; gives when
they may have begun to wait. Errors: 55P03.';

revoke all on function evident._lock_read_model(evident.projection, boolean)
from public;
