-- evident._refuse_parked: refuse an append that touches a parked key.
--
-- Of a synchronous projection: its events could not be folded in their order, so they
-- must not be stored. Of several parked keys the first one is told.
--
-- Errors: PT423

create or replace function evident._refuse_parked(p_projection text, p_keys text[])
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_key text;
    v_position bigint;
begin
    select
        f.key,
        f.position
    into v_key, v_position
    from evident.projection_failure as f
    where f.projection = p_projection and f.key = any (p_keys)
    order by f.key collate "C"
    limit 1;

    if found then
        raise exception using
            errcode = 'PT423',
            message = format(
                'projection %s: the key %L is parked behind event %s',
                p_projection, evident._short(v_key), v_position
            ),
            detail = jsonb_build_object(
                'projection', p_projection, 'key', v_key, 'position', v_position
            )::text,
            hint = format(
                'repair the fold and call evident.retry_failure(%L, %L), or leave'
                ' the event out with evident.skip_failure; all other keys go on',
                p_projection, v_key
            );
    end if;
end;
$function$;

comment on function evident._refuse_parked(text, text[]) is
'Raises PT423, with projection, key and position, where one of these keys is parked.';

revoke all on function evident._refuse_parked(text, text[]) from public;
