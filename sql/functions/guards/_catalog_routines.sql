-- evident._catalog_routines: what the catalog says of some functions, row by row.
--
-- The hash is over the whole definition: arguments, body, volatility, settings.

create or replace function evident._catalog_routines(p_routines oid[])
returns table (object text, kind text, name text, state text, is_free boolean)
language plpgsql
stable
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
begin
    return query
    select
        'f' || p.oid,
        case p.prokind
            when 'a' then 'aggregate' when 'p' then 'procedure' else 'function'
        end,
        p.oid::regprocedure::text,
        concat_ws(
            ', ',
            'owner ' || pg_get_userbyid(p.proowner),
            case when p.prosecdef then 'security definer' end,
            'sha256 ' || encode(
                sha256(
                    convert_to(
                        case p.prokind
                            when 'a' then (
                                select jsonb_build_array(
                                    a.aggkind, a.aggtransfn::regprocedure,
                                    a.aggfinalfn::regprocedure,
                                    a.aggcombinefn::regprocedure,
                                    a.aggserialfn::regprocedure,
                                    a.aggdeserialfn::regprocedure,
                                    a.aggmtransfn::regprocedure,
                                    a.aggminvtransfn::regprocedure,
                                    a.aggmfinalfn::regprocedure,
                                    a.aggfinalextra, a.aggmfinalextra,
                                    a.aggfinalmodify, a.aggmfinalmodify,
                                    a.aggsortop::regoperator,
                                    format_type(a.aggtranstype, null),
                                    format_type(a.aggmtranstype, null),
                                    a.aggtransspace, a.aggmtransspace,
                                    a.agginitval, a.aggminitval,
                                    p.proparallel, p.provolatile, p.proconfig
                                )::text
                                from pg_aggregate as a
                                where a.aggfnoid = p.oid
                            )
                            else pg_get_functiondef(p.oid)
                        end,
                        'UTF8'
                    )
                ),
                'hex'
            )
        ),
        false
    from unnest(p_routines) as u (oid)
    inner join pg_proc as p on u.oid = p.oid;
end;
$function$;

comment on function evident._catalog_routines(oid[]) is
'Describes functions, procedures and aggregates: object, kind, name, state, is_free.';

revoke all on function evident._catalog_routines(oid[]) from public;
