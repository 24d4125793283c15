-- evident._check_aggregate: refuse a null aggregate, the store's own one, or an
-- impossible version.
--
-- Errors: PT400, PT403

create or replace function evident._check_aggregate(
    p_aggregate_id uuid,
    p_expected_version bigint
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    if p_aggregate_id is null then
        perform evident._refuse_argument(
            'p_aggregate_id', 'null', 'name the aggregate'
        );
    end if;
    perform evident._refuse_own_stream(p_aggregate_id);
    if p_expected_version < -1 then
        perform evident._refuse_argument(
            'p_expected_version',
            format('%s is below -1', p_expected_version),
            'n = exactly n, 0 = must not exist, -1 = must exist, null = any'
        );
    end if;
end;
$function$;

comment on function evident._check_aggregate(uuid, bigint) is
'Raises PT400 for a null aggregate or an expected version below -1, PT403 for the
store''s own aggregate.';

revoke all on function evident._check_aggregate(uuid, bigint) from public;
