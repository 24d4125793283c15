-- Read models beside the example's, for the tests: one across aggregates, kept by
-- appends; one by aggregate, folded by runs; and one that is not registered yet.

set local role evident_projector;

create table shop.types (
    event_type text primary key,
    events integer not null,
    newest_at timestamptz not null
);

create function shop.types_key(p_event evident.event_store)
returns text
language plpgsql
immutable
as $function$
begin
    return p_event.event_type;
end;
$function$;

create function shop.apply_types(p_row shop.types, p_event evident.event_store)
returns shop.types
language plpgsql
immutable
as $function$
begin
    p_row.events := coalesce(p_row.events, 0) + 1;
    p_row.newest_at := p_event.occurred_at;
    return p_row;
end;
$function$;

create table shop.amounts (
    aggregate_id uuid primary key,
    amount numeric not null
);

-- Fails where an amount is no number, and has no row where there is none.
create function shop.apply_amounts(
    p_row shop.amounts, p_event evident.event_store
)
returns shop.amounts
language plpgsql
immutable
as $function$
begin
    p_row.amount := (p_event.payload ->> 'amount')::numeric;
    if p_row.amount is null then
        return null;
    end if;
    return p_row;
end;
$function$;

create table shop.spare (
    aggregate_id uuid primary key,
    version integer not null
);

create function shop.apply_spare(p_row shop.spare, p_event evident.event_store)
returns shop.spare
language plpgsql
immutable
as $function$
begin
    p_row.version := p_event.version;
    return p_row;
end;
$function$;

select
    evident.create_projection(
        'shop.types',
        'shop.apply_types(shop.types, evident.event_store)',
        null,
        p_keys => 'shop.types_key(evident.event_store)'
    ),
    evident.create_projection(
        'shop.amounts',
        'shop.apply_amounts(shop.amounts, evident.event_store)',
        null,
        'async'
    );
