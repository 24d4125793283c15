-- evident.guard_status: what protects history, and whether it is as installed.
--
-- One row for each thing in the catalog that matters, compared with evident.baseline:
-- what is missing, was added or is another is not intact, and so is everything when
-- the baseline is. What may come and go is shown, and intact. An owner or superuser can
-- change what this function tells, and write a baseline of his own: GuardChanged events
-- keep what it told before, fingerprint() is compared with the one that the package
-- carries, and the ledger is for the rest.

create or replace function evident.guard_status()
returns table (kind text, name text, state text, is_intact boolean)
language plpgsql
stable
parallel restricted
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
-- The baseline is small as well; see _catalog.
set enable_seqscan = on
set jit = off
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
as $function$
begin
    -- Tables of one row each, of which later migrations make two.
    if to_regclass('evident.feed_stamp') is not null then
        return query
        select
            'row',
            'feed_stamp',
            case when count(*) = 1 then 'exists' else 'missing' end,
            count(*) = 1
        from evident.feed_stamp as s;
    end if;
    if to_regclass('evident.log_identity') is not null then
        return query
        select
            'row',
            'log_identity',
            case when count(*) = 1 then 'exists' else 'missing' end,
            count(*) = 1
        from evident.log_identity as i
        where i.incarnation = 1;
    end if;
    if to_regclass('evident.ledger_state') is not null then
        return query
        select
            'row',
            'ledger_state',
            case when count(*) = 1 then 'exists' else 'missing' end,
            count(*) = 1
        from evident.ledger_state as s;
    end if;

    return query
    with expected as (
        select distinct on (
            b.projection collate "C", b.kind collate "C", b.name collate "C"
        )
            b.projection,
            b.kind,
            b.name,
            b.state,
            b.server
        from evident.baseline as b
        order by
            b.projection collate "C", b.kind collate "C", b.name collate "C",
            b.number desc
    ),

    compared as (
        select
            f.projection is not null as is_found,
            coalesce(f.is_free, false) as is_free,
            coalesce(f.kind, e.kind) as kind,
            coalesce(f.name, e.name) as name,
            f.state as found,
            e.state as expected,
            e.server
        from (
            select x.*
            from expected as x
            where x.state is not null
        ) as e
        full join evident._catalog() as f
            on
                e.projection = f.projection
                and e.kind = f.kind
                and e.name = f.name
    )

    select distinct
        c.kind collate "C",
        c.name collate "C",
        case
            when c.is_free or c.found = c.expected then c.found
            when not c.is_found and c.kind = 'member' then 'no longer a member'
            when not c.is_found then 'missing, was: ' || c.expected
            when c.expected is null then 'added: ' || c.found
            else concat(
                c.found, ' instead of: ', c.expected,
                case
                    when
                        c.server
                        <> current_setting('server_version_num')::integer / 10000
                        then format(', recorded under PostgreSQL %s', c.server)
                end
            )
        end collate "C",
        -- A membership that ended takes a right away.
        c.is_free
        or coalesce(c.found = c.expected, false)
        or (not c.is_found and c.kind = 'member')
    from compared as c

    union all

    select
        'baseline',
        'evident.baseline',
        case
            when count(*) = 0 then 'empty: nothing to compare with'
            when count(*) <> max(b.number) then 'rows are missing, '
            else ''
        end || case
            when count(*) > 0 then 'sha256 ' || encode(
                sha256(convert_to(string_agg(b::text, ' ' order by b.number), 'UTF8')),
                'hex'
            )
            else ''
        end,
        count(*) > 0 and count(*) = max(b.number) and min(b.number) = 1
    from evident.baseline as b

    -- collation: that of the columns above
    order by 1, 2, 3;
end;
$function$;

comment on function evident.guard_status() is
'What protects history, one row each: kind (table, column, constraint, index, trigger,
rule, policy, child, view, sequence, function, grant, schema, role, member, row ...),
name,
state, and is_intact: true, or false where it differs from what the package, or
create_projection, made; state then tells both. Never null.';

revoke all on function evident.guard_status() from public;
grant execute on function evident.guard_status() to
evident_operator, evident_auditor, evident_monitor;
