-- evident._refuse_versions: raise PT409, or PT404, for version expectations.
--
-- Takes every unmet expectation of one call, so that a client sees all of them
-- at once. When nothing is wrong but that aggregates which must exist do not,
-- reloading would find nothing: that is PT404.
--
-- An expectation that was met, and yet nothing was stored: there is no version left, or
-- the ids of the events were taken.
--
-- Errors: always one of PT400, PT404, PT409, PT500, 40001

create or replace function evident._refuse_versions(p_conflicts jsonb)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_first constant jsonb := p_conflicts -> 0;
    v_met constant jsonb := jsonb_path_query_first(
        p_conflicts,
        '$[*] ? (@.expected == @.actual || @.expected == null'
        ' || (@.expected == -1 && @.actual > 0))'
    );
begin
    if v_met is not null then
        if (v_met ->> 'actual')::bigint < 2147483647 - 10000 then
            perform evident._refuse_sequence();
            raise exception using
                errcode = 'serialization_failure',
                message = format(
                    'aggregate %s is not appended to: its event ids were taken',
                    v_met ->> 'aggregate_id'
                ),
                detail = jsonb_build_object(
                    'aggregate_id', v_met -> 'aggregate_id'
                )::text,
                hint = 'call again';
        end if;
        perform evident._refuse_argument(
            'aggregate_id',
            format(
                'aggregate %s is at version %s, and the last one there is is '
                '2147483647', v_met ->> 'aggregate_id', v_met ->> 'actual'
            ),
            'go on in a new aggregate, whose first event names this one'
        );
    end if;

    if not jsonb_path_exists(p_conflicts, '$[*] ? (@.expected != -1)') then
        raise exception using
            errcode = 'PT404',
            message = format(
                'aggregate %s does not exist', v_first ->> 'aggregate_id'
            ),
            detail = jsonb_build_object(
                'name', v_first -> 'aggregate_id',
                'conflicts', p_conflicts
            )::text,
            hint = 'check the aggregate_id, or append with expected version 0 '
                'to create the aggregate';
    end if;

    raise exception using
        errcode = 'PT409',
        message = format(
            'aggregate %s is at version %s, expected %s',
            v_first ->> 'aggregate_id',
            v_first ->> 'actual',
            case v_first ->> 'expected'
                when '-1' then 'any that exists'
                else v_first ->> 'expected'
            end
        ),
        detail = jsonb_build_object('conflicts', p_conflicts)::text,
        hint = 'reload the aggregate and decide again';
end;
$function$;

comment on function evident._refuse_versions(jsonb) is
'Raises PT409 with the detail {"conflicts": [{"aggregate_id", "expected",
"actual"}, ...]}, or PT404 when each of them is an aggregate that must exist.';

revoke all on function evident._refuse_versions(jsonb) from public;
