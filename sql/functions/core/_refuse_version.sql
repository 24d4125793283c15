-- evident._refuse_version: raise PT409, or PT404, for one version expectation.
--
-- Errors: PT404 or PT409, always.

create or replace function evident._refuse_version(
    p_aggregate_id uuid,
    p_expected_version bigint,
    p_actual integer
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_conflicts constant jsonb := jsonb_build_array(
        jsonb_build_object(
            'aggregate_id', p_aggregate_id,
            'expected', p_expected_version,
            'actual', p_actual
        )
    );
begin
    perform evident._refuse_versions(v_conflicts);
end;
$function$;

comment on function evident._refuse_version(uuid, bigint, integer) is
'Raises what _refuse_versions raises for an aggregate that is at p_actual.';

revoke all on function evident._refuse_version(uuid, bigint, integer) from public;
