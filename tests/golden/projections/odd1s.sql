-- What create_projection makes for golden."{Odd} %1$s"; see golden_models.sql.

-- aggregate evident."fold_golden.""{Odd} %1$s"""(integer,evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", into the row of a key.
-- owner: evident_projector; grants: none

create aggregate evident."fold_golden.""{Odd} %1$s"""(integer,evident.event_store) (sfunc = evident."folding_golden.""{Odd} %1$s""", stype = golden."{Odd} %1$s", parallel = u, start = NULL);

-- aggregate evident."refold_golden.""{Odd} %1$s"""(golden."{Odd} %1$s",evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", onto an existing row.
-- owner: evident_projector; grants: none

create aggregate evident."refold_golden.""{Odd} %1$s"""(golden."{Odd} %1$s",evident.event_store) (sfunc = evident."refolding_golden.""{Odd} %1$s""", stype = golden."{Odd} %1$s", parallel = u, start = NULL);

-- function evident."folding_golden.""{Odd} %1$s"""(golden."{Odd} %1$s",integer,evident.event_store)
-- Made by create_projection: the row so far, its key set, and an event.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."folding_golden.""{Odd} %1$s"""(p_state golden."{Odd} %1$s", p_key integer, p_event evident.event_store)
 RETURNS golden."{Odd} %1$s"
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
            begin
                p_state."{key}" := p_key;
                return evident."step_golden.""{Odd} %1$s"""(p_state, p_event);
            end;
            $function$;

-- function evident."hold_event_golden.""{Odd} %1$s"""()
-- Made by create_projection: refuses events of parked keys.
-- owner: evident_owner; grants: none

CREATE OR REPLACE FUNCTION evident."hold_event_golden.""{Odd} %1$s"""()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
        declare
            v_ids constant bigint[] := array(
                select n.id from new_events as n where n.event_type operator(pg_catalog.=) any ('{"it''s $hold$ {row}","{keys} %1$s","{{name}}"}'::pg_catalog.text[]) and n.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
            );
            v_keys text[];
            v_message text;
            v_detail text;
        begin
            if v_ids = '{}' then
                return null;
            end if;
            begin
                v_keys := array(
                    select a.answer ->> 0
                    from evident._ask_projector(format('
                select jsonb_build_array(k.key::text)
                from (
                    select e as event
                    from evident.event_store as e
                    where e.id = any (%L::bigint[])
                    offset 0
                ) as l
                cross join lateral (select distinct case when r.key::text collate "C" ~ ''[_xXoObB]'' then evident._refuse_key(r.key::text, ''not decimal'') else r.key::text end::integer from evident."keys_golden.""{Odd} %%1$s"""(l.event) as r (key) where r.key::text <> '''') as k (key)
                ', v_ids)) as a (answer)
                );
            
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden."{Odd} %1$s"', sqlstate, v_message, v_detail);
        end;
        
            perform evident._refuse_parked('golden."{Odd} %1$s"', v_keys);
            return null;
        end;
        $function$;

-- function evident."keep_batch_golden.""{Odd} %1$s"""()
-- Made by create_projection: folds a statement's events by what it names.
-- owner: evident_owner; grants: none

CREATE OR REPLACE FUNCTION evident."keep_batch_golden.""{Odd} %1$s"""()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
            declare
                v_events constant evident.event_store[] := array(
                    select
                        row(
                            n.id, n.aggregate_id, n.version, n.event_type, n.payload,
                            n.metadata, n.event_id, n.occurred_at, n.recorded_by
                        )::evident.event_store
                    from new_events as n
                );
            begin
                perform evident."kept_batch_golden.""{Odd} %1$s"""(v_events);
                return null;
            end;
            $function$;

-- function evident."kept_batch_golden.""{Odd} %1$s"""(evident.event_store[])
-- Made by create_projection: folds the events of a statement, by key.
-- owner: evident_projector; grants: execute to evident_owner

CREATE OR REPLACE FUNCTION evident."kept_batch_golden.""{Odd} %1$s"""(p_events evident.event_store[])
 RETURNS evident.event_store
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET quote_all_identifiers TO 'off'
 SET array_nulls TO 'on'
 SET backslash_quote TO 'safe_encoding'
 SET bytea_output TO 'hex'
 SET "DateStyle" TO 'ISO, MDY'
 SET default_text_search_config TO 'pg_catalog.english'
 SET extra_float_digits TO '1'
 SET "IntervalStyle" TO 'postgres'
 SET lc_monetary TO 'C'
 SET lc_numeric TO 'C'
 SET lc_time TO 'C'
 SET "plpgsql.check_asserts" TO 'on'
 SET "plpgsql.extra_errors" TO 'none'
 SET standard_conforming_strings TO 'on'
 SET "TimeZone" TO 'UTC'
 SET transform_null_equals TO 'off'
 SET xmlbinary TO 'base64'
 SET xmloption TO 'content'
 SET enable_seqscan TO 'off'
 SET row_security TO 'off'
AS $function$
        #variable_conflict use_column
        declare
            v_message text;
            v_detail text;
            v_count bigint;
            v_keys integer[];
            v_rows golden."{Odd} %1$s"[];
            v_abbreviations text;
        begin
            if current_user operator(pg_catalog.=) 'evident_projector'
            and array[pg_catalog.current_setting('array_nulls'), pg_catalog.current_setting('backslash_quote'), pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('default_text_search_config'), pg_catalog.current_setting('intervalstyle'), pg_catalog.current_setting('plpgsql.check_asserts'), pg_catalog.current_setting('plpgsql.extra_errors'), pg_catalog.current_setting('quote_all_identifiers'), pg_catalog.current_setting('search_path'), pg_catalog.current_setting('standard_conforming_strings'), pg_catalog.current_setting('timezone_abbreviations'), pg_catalog.current_setting('transform_null_equals'), pg_catalog.current_setting('xmlbinary'), pg_catalog.current_setting('xmloption')] operator(pg_catalog.=) '{on,safe_encoding,hex,"ISO, MDY",pg_catalog.english,postgres,on,none,off,"pg_catalog, pg_temp",on,Default,off,base64,content}'::pg_catalog.text[]
            and array[pg_catalog.current_setting('extra_float_digits'), pg_catalog.current_setting('lc_monetary'), pg_catalog.current_setting('lc_numeric'), pg_catalog.current_setting('lc_time'), pg_catalog.current_setting('timezone')] operator(pg_catalog.<@) '{1,C,C,C,UTC,3,C.UTF-8,C.UTF-8,C.UTF-8,Etc/UTC}'::pg_catalog.text[]
             then
                
            declare
                v_queue text[];
                v_first bigint;
            begin
                begin
                    select
                        array_agg(distinct v.key::text),
                        min(v.position)
                    into v_queue, v_first
                    from (
            select
                k.key,
                e.event,
                e.id as position
            from (
                select
                    n as event,
                    n.id
                from unnest(p_events) as n
                where n.event_type operator(pg_catalog.=) any ('{"it''s $hold$ {row}","{keys} %1$s","{{name}}"}'::pg_catalog.text[]) and n.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
                offset 0
            ) as e
            cross join lateral (select distinct case when r.key::text collate "C" ~ '[_xXoObB]' then evident._refuse_key(r.key::text, 'not decimal') else r.key::text end::integer from evident."keys_golden.""{Odd} %1$s"""(e.event) as r (key) where r.key::text <> '') as k (key)
        ) as v;
                
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden."{Odd} %1$s"', sqlstate, v_message, v_detail);
        end;
        
                if v_queue is null then
                    return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
                end if;

                if current_setting('transaction_isolation')
                    in ('repeatable read', 'serializable')
                then
                    perform evident._refuse_argument(
                        'transaction_isolation',
                        current_setting('transaction_isolation')
                        || ' cannot see what others fold into the rows of ' || 'golden."{Odd} %1$s"',
                        'append at READ COMMITTED'
                    );
                end if;

                perform evident._lock_keys(7, v_queue);
                if exists (
                    select
                    from (
                        select e as event
                        from evident.event_store as e
                        where
                            e.id > v_first
                            and e.event_type operator(pg_catalog.=) any ('{"it''s $hold$ {row}","{keys} %1$s","{{name}}"}'::pg_catalog.text[]) and e.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
                            and not exists (
                                select
                                from unnest(p_events) as n
                                where n.id = e.id
                            )
                        offset 0
                    ) as l
                    cross join lateral (select distinct case when r.key::text collate "C" ~ '[_xXoObB]' then evident._refuse_key(r.key::text, 'not decimal') else r.key::text end::integer from evident."keys_golden.""{Odd} %1$s"""(l.event) as r (key) where r.key::text <> '') as k (key)
                    where k.key::text = any (v_queue)
                ) then
                    raise exception using
                        errcode = 'serialization_failure',
                        message = 'could not fold into ' || 'golden."{Odd} %1$s"' || ' in the order of'
                            ' the feed: a later event of the same key was there first',
                        detail = jsonb_build_object('projection', 'golden."{Odd} %1$s"'::text)::text,
                        hint = 'append again';
                end if;
            end;
            
                lock table golden."{Odd} %1$s" in row exclusive mode;
                begin
                    select
                        array_agg(f.key),
                        array_agg(f.next_row)
                    into v_keys, v_rows
                    from (
        select
            k.key,
            evident."refold_golden.""{Odd} %1$s"""(
                case when k.is_first then coalesce((select row(s.*)::golden."{Odd} %1$s" from golden."{Odd} %1$s" as s where s."{key}" = k.key), row(k.key, null, null)::golden."{Odd} %1$s") else row(k.key, null, null)::golden."{Odd} %1$s" end,
                k.event
                order by k.position
            ) as next_row
        from (
            select
                v.key,
                v.event,
                v.position,
                row_number() over (partition by v.key order by v.position) = 1
                    as is_first
            from (
            select
                k.key,
                e.event,
                e.id as position
            from (
                select
                    n as event,
                    n.id
                from unnest(p_events) as n
                where n.event_type operator(pg_catalog.=) any ('{"it''s $hold$ {row}","{keys} %1$s","{{name}}"}'::pg_catalog.text[]) and n.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
                offset 0
            ) as e
            cross join lateral (select distinct case when r.key::text collate "C" ~ '[_xXoObB]' then evident._refuse_key(r.key::text, 'not decimal') else r.key::text end::integer from evident."keys_golden.""{Odd} %1$s"""(e.event) as r (key) where r.key::text <> '') as k (key)
        ) as v
        ) as k
        group by k.key
        ) as f;
                
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden."{Odd} %1$s"', sqlstate, v_message, v_detail);
        end;
        
                if v_keys is not null then
                    
        with given as materialized (select unnest(v_keys) as key, unnest(v_rows) as next_row),

        removed as (
            delete from golden."{Odd} %1$s" as t
            using given as g
            where t."{key}" = g.key and (g.next_row)."{key}" is null
            returning 1
        ),

        kept as (
            insert into golden."{Odd} %1$s" as t ("{key}", "%2$s {fold}", "a""b'c")
            select g.key, (g.next_row)."%2$s {fold}", (g.next_row)."a""b'c"
            from given as g
            cross join (select count(*) from removed) as r
            where (g.next_row)."{key}" is not null
            on conflict ("{key}") do update set "%2$s {fold}" = excluded."%2$s {fold}", "a""b'c" = excluded."a""b'c"
        )

        select count(*) from given
         into v_count;
                end if;
                return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
            end if;
            v_abbreviations := pg_catalog.current_setting('timezone_abbreviations');
            if current_user operator(pg_catalog.<>) 'evident_projector'
                or v_abbreviations operator(pg_catalog.=) 'Default'
            then
                perform evident._refuse_settings();
            end if;
            perform pg_catalog.set_config('timezone_abbreviations', 'Default', true);
            perform evident."kept_batch_golden.""{Odd} %1$s"""(p_events);
            perform pg_catalog.set_config(
                'timezone_abbreviations', v_abbreviations, true
            );
            return null;
        end;
        $function$;

-- function evident."keys_golden.""{Odd} %1$s"""(evident.event_store)
-- Made by create_projection: stands for the function that tells keys.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."keys_golden.""{Odd} %1$s"""(p_event evident.event_store)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
BEGIN ATOMIC
 SELECT golden."keys {columns} %I"(p_event) AS "keys {columns} %I";
END;

-- function evident."refolding_golden.""{Odd} %1$s"""(golden."{Odd} %1$s",golden."{Odd} %1$s",evident.event_store)
-- Made by create_projection: as the fold step, from p_start at first.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."refolding_golden.""{Odd} %1$s"""(p_state golden."{Odd} %1$s", p_start golden."{Odd} %1$s", p_event evident.event_store)
 RETURNS golden."{Odd} %1$s"
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
            begin
                if p_state."{key}" is null then
                    p_state := p_start;
                else
                    p_state."{key}" := p_start."{key}";
                end if;
                return evident."step_golden.""{Odd} %1$s"""(p_state, p_event);
            end;
            $function$;

-- function evident."step_golden.""{Odd} %1$s"""(golden."{Odd} %1$s",evident.event_store)
-- Made by create_projection: stands for the fold step.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."step_golden.""{Odd} %1$s"""(p_row golden."{Odd} %1$s", p_event evident.event_store)
 RETURNS golden."{Odd} %1$s"
 LANGUAGE sql
 IMMUTABLE
BEGIN ATOMIC
 SELECT golden."apply {fold} %s"(p_row, p_event) AS "apply {fold} %s";
END;

-- view evident."events_of_golden.""{Odd} %1$s"""
-- Made by create_projection: the events of the projection, once for each key.
-- owner: evident_projector; grants: none

create view evident."events_of_golden.""{Odd} %1$s""" with (security_invoker=on) as
 SELECT k.key,
    e.*::evident.event_store AS event,
    e.id AS "position"
   FROM ((evident.event_store e
     CROSS JOIN LATERAL ( SELECT e.*::evident.event_store AS event
          WHERE (NOT (EXISTS ( SELECT
                   FROM evident.projection_skip s
                  WHERE ((s.projection = 'golden."{Odd} %1$s"'::text) AND (s."position" = e.id) AND (s.key = ''::text)))))
         OFFSET 0) l)
     CROSS JOIN LATERAL ( SELECT DISTINCT (
                CASE
                    WHEN ((r.key COLLATE "C") ~ '[_xXoObB]'::text) THEN evident._refuse_key(r.key, 'not decimal'::text)
                    ELSE r.key
                END)::integer AS key
           FROM evident."keys_golden.""{Odd} %1$s"""(l.event) r(key)
          WHERE (r.key <> ''::text)) k(key))
  WHERE ((e.event_type = ANY ('{"it''s $hold$ {row}","{keys} %1$s","{{name}}"}'::text[])) AND (e.aggregate_id <> '00000000-0000-0000-0000-000000000000'::uuid) AND (NOT (EXISTS ( SELECT
           FROM evident.projection_skip s
          WHERE ((s.projection = 'golden."{Odd} %1$s"'::text) AND (s."position" = e.id) AND (s.key = (k.key)::text))))));

-- trigger event_store_hold_event_golden."{Odd} %1$s", enabled: O

CREATE TRIGGER "event_store_hold_event_golden.""{Odd} %1$s""" AFTER INSERT ON evident.event_store REFERENCING NEW TABLE AS new_events FOR EACH STATEMENT EXECUTE FUNCTION evident."hold_event_golden.""{Odd} %1$s"""();

-- trigger event_store_keep_batch_golden."{Odd} %1$s", enabled: O

CREATE TRIGGER "event_store_keep_batch_golden.""{Odd} %1$s""" AFTER INSERT ON evident.event_store REFERENCING NEW TABLE AS new_events FOR EACH STATEMENT EXECUTE FUNCTION evident."keep_batch_golden.""{Odd} %1$s"""();
