-- evident._refuse_own_stream: refuse the store's own aggregate.
--
-- The nil aggregate holds what the store records about itself. Nobody appends there
-- through the append functions.
--
-- Errors: PT403, for that aggregate

create or replace function evident._refuse_own_stream(p_aggregate_id uuid)
returns void
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_aggregate_id = '00000000-0000-0000-0000-000000000000' then
        raise exception using
            errcode = 'PT403',
            message = format(
                'aggregate %s is the store''s own: it is closed to appends',
                p_aggregate_id
            ),
            detail = jsonb_build_object(
                'aggregate_id', p_aggregate_id,
                'reason', 'the store''s own stream is closed'
            )::text,
            hint = 'give the aggregate a UUID of its own, such as gen_random_uuid()';
    end if;
end;
$function$;

comment on function evident._refuse_own_stream(uuid) is
'Raises PT403 when the aggregate is the store''s own, the nil UUID.';

revoke all on function evident._refuse_own_stream(uuid) from public;
