begin;
select plan(17);
\ir ../helpers/refusal.psql

select is(
    pg_temp.permitted(
        $$ select evident.projection_definition('shop.orders_summary') $$
    ),
    array['evident_auditor', 'evident_operator', 'evident_reader'],
    'readers may ask, and so may operators and auditors'
);
select is(
    evident.projection_definition('shop.orders_summary'),
    p.definition,
    'it is what the rows were folded with while nothing has changed'
)
from evident.projection as p
where p.name = 'shop.orders_summary';
select is(
    pg_temp.refusal($$ select evident.projection_definition('shop.nothing') $$)
    - 'hint',
    '{
        "code": "PT404",
        "message": "no such projection: shop.nothing",
        "detail": {"name": "shop.nothing"}
    }',
    'an unknown projection is refused'
);
select is(
    pg_temp.refusal($$ select evident.projection_definition(null) $$) ->> 'code',
    'PT404',
    'null is no projection'
);

-- What its caller has set and may do.

set local search_path = shop, evident, public, tap;

select is(
    evident.projection_definition('shop.orders_summary'),
    p.definition,
    'the path of its caller changes nothing'
)
from evident.projection as p
where p.name = 'shop.orders_summary';
select ok(
    not s.is_stale, 'nor does it make projection_status call a projection stale'
)
from evident.projection_status as s
where s.name = 'shop.orders_summary';

savepoint as_made;
create or replace function shop.apply_orders_summary(
    p_row shop.orders_summary, p_event evident.event_store
)
returns shop.orders_summary
language sql
immutable
begin atomic
    select p_row.*
    where
        p_event.occurred_at > '2026-01-31 12:00:00+00'::timestamptz
        and '1 day 02:00:00'::interval > '0'
        and '\x00ff'::bytea <> ''
        and 'back\slash' <> ''
        and 0.1::double precision > 0;
end;
select evident.projection_definition('shop.orders_summary') as unset \gset
create function pg_temp.under(p_setting text, p_value text)
returns text
language plpgsql
as $function$
begin
    perform set_config(p_setting, p_value, true);
    return evident.projection_definition('shop.orders_summary');
end;
$function$;

select is(
    pg_temp.under(s.name, s.value),
    :'unset',
    'nor does ' || s.name || ', though a constant in the fold looks otherwise'
)
from (
    values
    ('quote_all_identifiers', 'on'),
    ('timezone', 'Asia/Kolkata'),
    ('datestyle', 'German'),
    ('intervalstyle', 'iso_8601'),
    ('bytea_output', 'escape'),
    ('standard_conforming_strings', 'off')
) as s (name, value);
rollback to as_made;

set local search_path to default;
revoke usage on schema shop from evident_reader;
set local role evident_reader;

select is(
    (
        select array_agg(distinct s.is_stale)
        from evident.projection_status as s
    ),
    '{f}',
    'readers without a right on the read model''s schema have their status'
);

reset role;

-- What changes it.

set local client_min_messages = warning;

create function pg_temp.changed(p_change text)
returns text
language plpgsql
as $function$
declare
    v_before constant text := evident.projection_definition('shop.orders_summary');
    v_after text;
begin
    execute p_change;
    v_after := evident.projection_definition('shop.orders_summary');
    raise exception using errcode = 'ZZ000', message = 'undo';
exception
    when sqlstate 'ZZ000' then
        return case
            when v_after is null then 'null'
            when v_after = v_before then 'equal'
            else 'changed'
        end;
end;
$function$;

select is(
    pg_temp.changed(c.change), c.outcome, c.description
)
from (
    values
    (
        'create or replace function shop.apply_orders_summary('
        'p_row shop.orders_summary, p_event evident.event_store) '
        'returns shop.orders_summary language sql immutable return p_row',
        'changed',
        'another fold is another definition'
    ),
    (
        'alter table shop.orders_summary add column note text',
        'changed',
        'so is another column'
    ),
    (
        'comment on table shop.orders_summary is null',
        'equal',
        'a comment is none of it'
    ),
    (
        'drop table shop.orders_summary cascade',
        'null',
        'without the read model there is none'
    )
) as c (change, outcome, description);

select * from finish();
rollback;
