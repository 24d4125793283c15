-- evident._record_baseline: make the present catalog the one to compare with.
--
-- Each migration ends with it, for the package; whatever makes, changes or drops a
-- projection, for that. Only what differs is stored, and what is gone as a row without
-- a state; rows are numbered without gaps. What may come and go is not stored, nor are
-- default privileges. Of a role the best is stored: one that may log in is never
-- intact.
--
-- p_part handover: only what _switch_triggers makes, or makes anew, when appends begin
-- to keep a synchronous projection: functions, who may call them, and triggers on the
-- event store; nobody looked at anything else then. fold: only p_functions, fold
-- and keys of a registration that is there already.
--
-- package: not what was made for projections that are not registered, as a dump of the
-- schema alone brings it: each has an aggregate fold_<name>, and the package has none.
-- It is not intact until create_projection makes it anew.
--
-- An owner who accepts a change of his own calls it too. That is history like the rest.
--
-- Locks: SHARE ROW EXCLUSIVE on evident.baseline

create or replace function evident._record_baseline(
    p_projection text default '',
    p_part text default 'all',
    p_functions text[] default null
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
-- See _require_projector.
set enable_seqscan = on
set jit = off
as $function$
begin
    lock table evident.baseline in share row exclusive mode;

    insert into evident.baseline (number, projection, kind, name, state, server)
    select
        m.number + row_number() over (
            order by d.kind collate "C", d.name collate "C"
        ),
        p_projection,
        d.kind,
        d.name,
        d.state,
        current_setting('server_version_num')::integer / 10000
    from (
        select
            coalesce(f.kind, b.kind) as kind,
            coalesce(f.name, b.name) as name,
            f.state
        from (
            select
                c.kind,
                c.name,
                case c.kind when 'role' then 'no login' else c.state end as state
            from evident._catalog() as c
            where
                c.projection = p_projection
                and not c.is_free
                and c.kind <> 'default grant'
                and (
                    p_part <> 'package'
                    or not exists (
                        select
                        from pg_proc as f
                        where
                            f.pronamespace = 'evident'::regnamespace
                            and f.prokind = 'a'
                            and strpos(c.name, substr(f.proname, 6)) > 0
                    )
                )
        ) as f
        full join (
            select distinct on (r.kind collate "C", r.name collate "C")
                r.kind,
                r.name,
                r.state,
                r.server
            from evident.baseline as r
            where r.projection = p_projection
            order by r.kind collate "C", r.name collate "C", r.number desc
        ) as b on f.kind = b.kind and f.name = b.name
        where
            f.state is distinct from b.state
            and (
                p_part in ('all', 'package')
                or (
                    p_part = 'handover'
                    and (
                        (
                            f.kind in ('function', 'grant')
                            and f.name
                            ~ '^evident[.]"?(row|next|pinned|keep|kept|hold)_'
                        )
                        or (
                            b.state is null
                            and f.kind = 'trigger'
                            and starts_with(f.name, 'event_store.')
                        )
                    )
                )
                or (
                    p_part = 'fold'
                    and f.kind = 'function'
                    and f.name in (
                        select evident._short(t.called)
                        from unnest(p_functions) as t (called)
                    )
                )
            )
    ) as d
    cross join (
        select coalesce(max(r.number), 0) as number
        from evident.baseline as r
    ) as m;
end;
$function$;

comment on function evident._record_baseline(text, text, text[]) is
'Stores in evident.baseline how the catalog of the package, or of a projection, differs
from what is stored there.';

revoke all on function evident._record_baseline(text, text, text[]) from public;
