-- evident._short: a text as it is, or its hash where it is longer than 200 bytes.

create or replace function evident._short(p_text text)
returns text
language sql
immutable
parallel safe
begin atomic
    select case
        when octet_length(p_text) <= 200 then p_text
        else 'sha256 ' || encode(sha256(convert_to(p_text, 'UTF8')), 'hex')
    end;
end;

comment on function evident._short(text) is
'The text, or "sha256 " and its hash where it is longer than 200 bytes.';

revoke all on function evident._short(text) from public;
