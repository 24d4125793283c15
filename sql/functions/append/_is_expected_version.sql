-- evident._is_expected_version: true for absent, null, or an integer from -1.
--
-- The number never becomes text, which can be 147,456 characters long. Not `between`:
-- beside another condition a dump and restore would give it fewer parentheses, and
-- the function another hash.

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
                p_value::numeric >= -1
                and p_value::numeric <= 9223372036854775807
                and scale(p_value::numeric) = 0
        else false
    end;
end;

comment on function evident._is_expected_version(jsonb) is
'Whether a JSON value is absent, null or a bigint of -1 or more.';

revoke all on function evident._is_expected_version(jsonb) from public;
