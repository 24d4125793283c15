-- evident._is_expected_version: true for absent, null, or an integer from -1.

create or replace function evident._is_expected_version(p_value jsonb)
returns boolean
language sql
immutable
parallel safe
begin atomic
    select case coalesce(jsonb_typeof(p_value), 'null')
        when 'null' then true
        when 'number'
            then
                (p_value #>> '{}') ~ '^(-1|[0-9]{1,10})$'
                and (p_value #>> '{}')::numeric <= 2147483647
        else false
    end;
end;

comment on function evident._is_expected_version(jsonb) is
'Whether a JSON value is absent, null or an integer from -1 to 2147483647.';

revoke all on function evident._is_expected_version(jsonb) from public;
