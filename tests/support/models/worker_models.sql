-- Read models of the tests' own: one row per aggregate in the append's transaction and
-- one by a runner, and one across aggregates. Each counts, so that an event folded
-- twice or not at all shows; each keeps what depends on the order.

create schema folds authorization evident_projector;
set role evident_projector;
grant usage on schema folds to evident_reader;

create table folds.live (
    aggregate_id uuid constraint live_aggregate_id_pkey primary key,
    events bigint not null,
    trail text not null
);
create table folds.later (like folds.live including all);
create table folds.digits (
    digit text constraint digits_digit_pkey primary key,
    events bigint not null,
    trail text not null
);

create function folds.trail(p_trail text, p_event evident.event_store)
returns text
language sql
immutable
return md5(coalesce(p_trail, '') || p_event.event_id::text);

create function folds.apply_live(p_row folds.live, p_event evident.event_store)
returns folds.live
language plpgsql
immutable
as $$
begin
    p_row.events := coalesce(p_row.events, 0) + 1;
    p_row.trail := folds.trail(p_row.trail, p_event);
    return p_row;
end;
$$;

create function folds.apply_later(p_row folds.later, p_event evident.event_store)
returns folds.later
language plpgsql
immutable
as $$
begin
    p_row.events := coalesce(p_row.events, 0) + 1;
    p_row.trail := folds.trail(p_row.trail, p_event);
    return p_row;
end;
$$;

create function folds.apply_digits(p_row folds.digits, p_event evident.event_store)
returns folds.digits
language plpgsql
immutable
as $$
begin
    p_row.events := coalesce(p_row.events, 0) + 1;
    p_row.trail := folds.trail(p_row.trail, p_event);
    return p_row;
end;
$$;

create function folds.digits_of(p_event evident.event_store)
returns text
language sql
immutable
return left(p_event.aggregate_id::text, 1);

reset role;
