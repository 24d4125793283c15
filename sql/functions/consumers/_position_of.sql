-- evident._position_of: the position that a text means: 'start', 'now', or a number.
--
-- 'now' is the safe position: nothing at or below it appears any more, and what is
-- above it comes. A number above it would leave out events that are not there yet.
--
-- Errors: PT400

create or replace function evident._position_of(p_argument text, p_text text)
returns bigint
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_safe constant bigint := evident.safe_position();
begin
    if p_text = 'start' then
        return 0;
    elsif p_text = 'now' then
        return v_safe;
    elsif p_text ~ '^[0-9]{1,19}$' and p_text::numeric <= v_safe then
        return p_text::bigint;
    end if;
    perform evident._refuse_argument(
        p_argument,
        'not start, now, or a position from 0 to the safe position ' || v_safe,
        'pass the id of the last event that the consumer is to leave out'
    );
end;
$function$;

comment on function evident._position_of(text, text) is
'The position that start, now, or a number means. Errors: PT400 none, or above the safe
position; at REPEATABLE READ and SERIALIZABLE.';

revoke all on function evident._position_of(text, text) from public;
