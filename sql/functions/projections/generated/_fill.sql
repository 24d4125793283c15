-- evident._fill: a template with values in the place of its slots.
--
-- A slot is a name in braces: {key}. Each of them needs a value, and each value a slot;
-- what a value holds is not looked at again, so no name of a column or an event type is
-- ever taken for a slot. Braces around anything else stay as they are.
--
-- Values are SQL: whoever makes them has quoted names (quote_ident, %I) and literals
-- (%L) already.
--
-- Errors: XX000, which is a mistake of this package

create or replace function evident._fill(p_template text, p_slots jsonb)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_text text;
    v_wrong text;
begin
    select
        string_agg(
            case
                when p.slot is not null
                    then (p_slots ->> p.slot) || substr(p.text, length(p.slot) + 2)
                when p.number > 1 then '{' || p.text
                else p.text
            end,
            '' order by p.number
        )
    into v_text
    from (
        select
            s.number,
            s.text,
            case
                when s.number > 1 then substring(s.text from '^([a-z_]+)[}]')
            end as slot
        from string_to_table(p_template, '{') with ordinality as s (text, number)
    ) as p;

    select string_agg(format('{%s}', w.slot), ', ' order by w.slot collate "C")
    into v_wrong
    from (
        select coalesce(n.slot, g.slot) as slot
        from (
            select distinct m.part[1] as slot
            from regexp_matches(p_template, '[{]([a-z_]+)[}]', 'g') as m (part)
        ) as n
        full join jsonb_each_text(p_slots) as g (slot, value) on n.slot = g.slot
        where n.slot is null or g.value is null
    ) as w;

    if v_wrong is not null then
        raise exception using
            errcode = 'internal_error',
            message = 'a template and its values do not fit: ' || v_wrong,
            detail = jsonb_build_object('slots', v_wrong)::text,
            hint = 'each slot needs a value, and each value a slot';
    end if;
    return coalesce(v_text, p_template);
end;
$function$;

comment on function evident._fill(text, jsonb) is
'The template with the values of p_slots in the place of its {slots}, in one pass.
Errors: XX000 a slot without a value, or a value without a slot.';

revoke all on function evident._fill(text, jsonb) from public;
