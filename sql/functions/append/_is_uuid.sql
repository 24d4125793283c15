-- evident._is_uuid: true when a JSON value is a string that casts to uuid.
--
-- Stricter than the cast, which also takes braces. Inlined by the planner.

create or replace function evident._is_uuid(p_value jsonb)
returns boolean
language sql
immutable
parallel safe
begin atomic
    select coalesce(
        jsonb_typeof(p_value) = 'string'
        and (p_value #>> '{}') ~ '^([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}$',
        false
    );
end;

comment on function evident._is_uuid(jsonb) is
'Whether a JSON value is a string in the form of a UUID.';

revoke all on function evident._is_uuid(jsonb) from public;
