-- evident._long_text_length: how many bytes a document takes as text, found without
-- making a long text.
--
-- A number of twelve bytes can be one of 147,456 characters as text, so the numbers
-- are added up first: digits before the point from the weight that numeric_send tells,
-- digits behind it from scale. That is never more than the text has, and at most
-- five bytes a number less. Only what is short enough by that is made into text.
-- Up to 30,000 bytes it is enough that no number is huge: 16,383 digits behind the
-- point are the most there can be.
--
-- The largest document for its text is an array of single digits: four bytes in
-- memory for each byte of text.
--
-- jsonb_path_query would take a time that grows with the square of what it finds; so
-- the numbers are put into an array. What is nested deeper than 1000 levels is not
-- looked at: what walks it, here and in other programs, walks by recursion. A level
-- takes eight bytes.

create or replace function evident._long_text_length(p_document jsonb)
returns bigint
language plpgsql
stable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_limit constant bigint := 1048576;
    v_size constant bigint := pg_column_size(p_document || '{}');
    v_length bigint;
begin
    if v_size > 4 * v_limit + 1000
        or v_size >= 8000 and jsonb_path_exists(p_document, 'strict $.**{1000}')
    then
        return null;
    end if;

    if v_size > 30000
        or jsonb_path_exists(p_document, 'strict $.** ? (@.abs() > 1e30)')
    then
        select
            sum(
                case
                    when get_byte(n.bytes, 2) < 128
                        then 4 * (256 * get_byte(n.bytes, 2) + get_byte(n.bytes, 3))
                    else 0
                end
                + 3 + n.scale
            )
        into v_length
        from (
            select
                numeric_send(a.value::numeric) as bytes,
                scale(a.value::numeric) as scale
            from jsonb_array_elements(
                jsonb_path_query_array(
                    p_document, 'strict $.** ? (@.type() == "number")'
                )
            ) as a (value)
            offset 0
        ) as n;
        if v_length > v_limit then
            return null;
        end if;
    end if;

    v_length := pg_column_size(jsonb_out(p_document)) - 1;
    return case when v_length <= v_limit then v_length end;
end;
$function$;

comment on function evident._long_text_length(jsonb) is
'The length of a document''s text in bytes; null when it is above 1048576, or the
document is nested deeper than 1000 levels.';

revoke all on function evident._long_text_length(jsonb) from public;
