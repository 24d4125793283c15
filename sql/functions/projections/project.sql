-- evident.project: a row of a read model as of then, from the events alone.
--
-- Nothing stored is looked at, so it also tells what a table did not keep. A key that
-- is an aggregate is an index scan; for others the log is read, as the keys
-- of an event are only known to the projection.
--
-- A moment ends with the newest event that the clock had stamped by then, and all those
-- before it are folded, whatever their stamps: of a clock that was set back some would
-- be left out, and the row be one that never was.
--
-- The fold runs as evident_projector, as everywhere.
--
-- One form only: a parameter that a driver sends without a type would choose among
-- several by its place.
--
-- Errors: PT400, PT404; those of the fold

create or replace function evident.project(
    p_projection text,
    p_key text,
    p_until_version bigint default null,
    p_until_position bigint default null,
    p_until timestamptz default null
)
returns jsonb
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set datestyle = 'ISO, MDY'
set timezone = 'UTC'
as $function$
declare
    v_projection constant evident.projection := evident._require_projection(
        p_projection
    );
    v_reason text;
    v_query text;
begin
    perform evident._require_projector(v_projection);
    v_reason := case
        when p_key is null then 'p_key: null'
        when p_until_version < 1 then 'p_until_version: below 1'
        when p_until_version is not null and v_projection.keys is not null
            then 'p_until_version: the key is not an aggregate'
        when p_until_position < 0 then 'p_until_position: below 0'
        when num_nonnulls(p_until_version, p_until_position, p_until) > 1
            then 'p_until: more than one end'
    end;
    if v_reason is not null then
        raise exception using
            errcode = 'PT400',
            message = 'invalid argument ' || v_reason,
            detail = jsonb_build_object(
                'argument', split_part(v_reason, ': ', 1),
                'reason', split_part(v_reason, ': ', 2)
            )::text,
            hint = 'give a key, and a version (of an aggregate), a position'
                ' of the feed, a moment, or none of them for now';
    end if;

    perform evident._canonical_key(v_projection, p_key);

    v_query := evident._fill(
        $sql$
        select case when (f.next_row).{key} is not null
            then to_jsonb(f.next_row) || jsonb_build_object({name_of_key}, f.key) end
        from (
            select v.key, {fold}(v.key, v.event order by v.position) as next_row
            from (
                select k.key, k.event, k.position, {last_position} as last_position
                from {events} as k
                where k.key = {value}::{key_type}
            ) as v
            where v.position <= v.last_position {until}
            group by v.key
        ) as f
        $sql$,
        jsonb_build_object(
            'key', format('%I', v_projection.key_column),
            'name_of_key', format('%L', v_projection.key_column),
            'fold', evident._name_of_object(v_projection, 'fold_%s'),
            'events', evident._name_of_object(v_projection, 'events_of_%s'),
            'value', format('%L', p_key),
            'key_type', v_projection.key_type,
            'last_position', case
                when p_until is null then 'k.position'
                else format(
                    'max(k.position)'
                    ' filter (where (k.event).occurred_at <= %L) over ()',
                    p_until
                )
            end,
            'until', concat(
                ' and (v.event).version <= ' || p_until_version,
                ' and v.position <= ' || p_until_position
            )
        )
    );
    return (select a.answer from evident._ask_projector(v_query) as a (answer));
end;
$function$;

comment on function evident.project(text, text, bigint, bigint, timestamptz) is
'The row of a key as folded from its events, as JSON; null when there is none. Up to a
version (where the key is the aggregate), a position of the feed or a moment,
inclusive; without, now. Errors: PT400 invalid argument, PT404 no such projection, or
the fold''s own.';

revoke all on function evident.project(text, text, bigint, bigint, timestamptz)
from public;
grant execute on function evident.project(text, text, bigint, bigint, timestamptz) to
evident_reader, evident_operator, evident_auditor;
