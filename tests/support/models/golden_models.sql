-- One small read model of each kind that create_projection makes code for.
--
-- In names and event types stands whatever a template could take for a part of its own.

create schema golden authorization evident_projector;

set role evident_projector;

-- One row for each aggregate, kept by appends.

create table golden.tasks (
    task_id uuid primary key,
    title text,
    version integer not null
);

create function golden.apply_tasks(p_row golden.tasks, p_event evident.event_store)
returns golden.tasks
language plpgsql
immutable
parallel safe
as $function$
begin
    p_row.title := p_event.payload ->> 'title';
    p_row.version := p_event.version;
    return p_row;
end;
$function$;

select evident.create_projection(
    'golden.tasks', 'golden.apply_tasks(golden.tasks, evident.event_store)', null
);

-- The same as a rule: what the fold raises is the answer to the append.

create table golden.limits (
    task_id uuid primary key,
    amount numeric not null check (amount >= 0)
);

create function golden.apply_limits(p_row golden.limits, p_event evident.event_store)
returns golden.limits
language plpgsql
immutable
as $function$
begin
    p_row.amount := coalesce(p_row.amount, 0)
        + (p_event.payload ->> 'amount')::numeric;
    return p_row;
end;
$function$;

select evident.create_projection(
    'golden.limits', 'golden.apply_limits(golden.limits, evident.event_store)',
    array['Paid'], p_is_invariant => true
);

-- A key that is the only column: there is nothing else to set.

create table golden.seen (
    task_id uuid primary key
);

create function golden.apply_seen(p_row golden.seen, p_event evident.event_store)
returns golden.seen
language sql
immutable
begin atomic
    select p_row;
end;

select evident.create_projection(
    'golden.seen', 'golden.apply_seen(golden.seen, evident.event_store)', null
);

-- Keys across aggregates, several for an event; a second column is unique, so rows are
-- removed before others are written.

create table golden.labels (
    label text primary key,
    place integer unique,
    uses bigint not null
);

create function golden.apply_labels(p_row golden.labels, p_event evident.event_store)
returns golden.labels
language plpgsql
stable
as $function$
begin
    p_row.uses := coalesce(p_row.uses, 0) + 1;
    return p_row;
end;
$function$;

create function golden.keys_of_labels(p_event evident.event_store)
returns setof text
language sql
immutable
begin atomic
    select l.key
    from jsonb_array_elements_text(p_event.payload -> 'labels') as l (key);
end;

select evident.create_projection(
    'golden.labels', 'golden.apply_labels(golden.labels, evident.event_store)',
    array['Labelled', 'Moved'],
    p_keys => 'golden.keys_of_labels(evident.event_store)'
);

-- One key for an event, kept by runs.

create table golden.days (
    day date primary key,
    events bigint not null
);

create function golden.apply_days(p_row golden.days, p_event evident.event_store)
returns golden.days
language sql
immutable
begin atomic
    select (p_row.day, coalesce(p_row.events, 0) + 1)::golden.days;
end;

create function golden.day_of(p_event evident.event_store)
returns text
language sql
immutable
begin atomic
    select p_event.payload ->> 'day';
end;

select evident.create_projection(
    'golden.days', 'golden.apply_days(golden.days, evident.event_store)',
    array['Sold'], 'async', 'golden.day_of(evident.event_store)'
);

-- By aggregate, kept by runs.

create table golden.later (
    task_id uuid primary key,
    version integer not null
);

create function golden.apply_later(p_row golden.later, p_event evident.event_store)
returns golden.later
language sql
immutable
begin atomic
    select (p_row.task_id, p_event.version)::golden.later;
end;

select evident.create_projection(
    'golden.later', 'golden.apply_later(golden.later, evident.event_store)', null,
    'async'
);

-- Names and types that look like parts of a template.

create table golden."{Odd} %1$s" (
    "{key}" integer primary key,
    "%2$s {fold}" text,
    "a""b'c" text
);

create function golden."apply {fold} %s"(
    p_row golden."{Odd} %1$s", p_event evident.event_store
)
returns golden."{Odd} %1$s"
language plpgsql
immutable
as $function$
begin
    p_row."%2$s {fold}" := p_event.payload ->> 'text';
    return p_row;
end;
$function$;

create function golden."keys {columns} %I"(p_event evident.event_store)
returns text
language sql
immutable
begin atomic
    select p_event.payload ->> 'number';
end;

select evident.create_projection(
    'golden."{Odd} %1$s"',
    'golden."apply {fold} %s"(golden."{Odd} %1$s", evident.event_store)',
    array['{keys} %1$s', 'it''s $hold$ {row}', '{{name}}'],
    p_keys => 'golden."keys {columns} %I"(evident.event_store)'
);

reset role;

-- The trigger of parked keys, which is made when a key is parked as appends take over.

set role evident_owner;

do $do$
begin
    perform evident._make_hold(p)
    from evident.projection as p
    where p.mode = 'sync';
end;
$do$;

reset role;
