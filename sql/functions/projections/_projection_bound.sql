-- evident._projection_bound: the fold, or the keys function, of a projection.
--
-- p_form is that of the wrapper (_sql_step_function, _sql_keys_function), which is
-- bound to it. So it is the one that runs, whatever has its name now. Null when
-- there is none.

create or replace function evident._projection_bound(
    p_projection evident.projection,
    p_form text
)
returns oid
language sql
stable
parallel safe
begin atomic
    with wrapper as (
        select p.oid
        from pg_proc as p
        where
            p.pronamespace = 'evident'::regnamespace
            and p.proname = format(p_form, (p_projection).name)
    )

    select d.refobjid
    from wrapper as w
    inner join pg_depend as d
        on
            d.classid = 'pg_proc'::regclass
            and w.oid = d.objid
            and d.refclassid = 'pg_proc'::regclass
            and d.deptype = 'n'
    order by d.refobjid
    limit 1;
end;

comment on function evident._projection_bound(evident.projection, text) is
'The oid of what a projection''s wrapper of this form (step_%s, keys_%s) calls.';

revoke all on function evident._projection_bound(evident.projection, text)
from public;
