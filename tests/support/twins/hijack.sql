-- Everything that an ordinary login can place in a search path before pg_catalog:
-- functions and operators with the names and arguments of those that the package
-- uses, casts, tables, views and types. Whatever runs of it leaves a trace in a
-- sequence, which no rollback takes back.

create schema hijack;

create sequence hijack.hits_as_owner;

create sequence hijack.hits;

grant usage on schema hijack to public;

grant usage, select, update on all sequences in schema hijack to public;

create function hijack.hit()
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform nextval(
        case
            when current_user in ('evident_owner', 'evident_projector') then 'hijack.hits_as_owner'
            else 'hijack.hits'
        end::regclass
    );
    return null;
end;
$function$;

do $do$
declare
    v_function record;
begin
    for v_function in
        with word as (
            select distinct w.word[1] as word
            from pg_catalog.pg_proc as p
            cross join lateral regexp_matches(
                pg_get_functiondef(p.oid), '[a-z_0-9]+', 'g'
            ) as w (word)
            where
                p.pronamespace in ('evident'::regnamespace, 'shop'::regnamespace)
                and p.prokind = 'f'
        )

        select
            p.proname,
            pg_get_function_identity_arguments(p.oid) as arguments,
            pg_get_function_result(p.oid) as result,
            p.proretset or p.prorettype = 'void'::regtype as is_bare
        from pg_catalog.pg_proc as p
        where
            p.pronamespace = 'pg_catalog'::regnamespace
            and p.prokind in ('f', 'a')
            and p.proname in (
                select w.word
                from word as w
            )
            and not exists (
                select
                from unnest(
                    p.proargtypes::oid[] || p.prorettype
                    || coalesce(p.proallargtypes, '{}')
                ) as a (type)
                inner join pg_catalog.pg_type as t on a.type = t.oid
                where t.typtype = 'p' and t.typname not in ('void', 'record')
            )
            and p.prorettype <> 'record'::regtype
    loop
        execute format(
            'create function hijack.%I(%s) returns %s language plpgsql as %L',
            v_function.proname,
            v_function.arguments,
            v_function.result,
            case
                when v_function.is_bare then 'begin perform hijack.hit(); return; end'
                else 'begin perform hijack.hit(); return null; end'
            end
        );
    end loop;
end;
$do$;

do $do$
declare
    v_operator record;
    v_number integer := 0;
begin
    for v_operator in
        select
            o.oprname,
            o.oprleft::regtype as left_type,
            o.oprright::regtype as right_type,
            o.oprresult::regtype as result_type
        from pg_catalog.pg_operator as o
        where
            o.oprnamespace = 'pg_catalog'::regnamespace
            and o.oprkind = 'b'
            and (o.oprleft::regtype || ' ' || o.oprright::regtype) ~ (
                '^(uuid|integer|bigint|smallint|text|name|jsonb|boolean|numeric|oid'
                '|text\[\]|bigint\[\]|bytea|double precision|jsonpath|"char"|, | )+$'
            )
    loop
        v_number := v_number + 1;
        execute format(
            'create function hijack.operator_%s(%s, %s) returns %s language plpgsql '
            'as %L',
            v_number,
            v_operator.left_type,
            v_operator.right_type,
            v_operator.result_type,
            'begin perform hijack.hit(); return null; end'
        );
        execute format(
            'create operator hijack.%s (leftarg = %s, rightarg = %s, '
            'function = hijack.operator_%s)',
            v_operator.oprname,
            v_operator.left_type,
            v_operator.right_type,
            v_number
        );
    end loop;
end;
$do$;

create function hijack.act_on_insert()
returns trigger
language plpgsql
as $function$
begin
    perform hijack.hit();
    return new;
end;
$function$;

create type hijack.document as (value text);

create function hijack.document_to_jsonb(hijack.document)
returns jsonb
language plpgsql
as $function$
begin
    perform hijack.hit();
    return '{}'::pg_catalog.jsonb;
end;
$function$;

create cast (hijack.document as jsonb)
with function hijack.document_to_jsonb(hijack.document) as implicit;
