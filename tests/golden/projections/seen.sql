-- What create_projection makes for golden.seen; see golden_models.sql.

-- aggregate evident."fold_golden.seen"(uuid,evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", into the row of a key.
-- owner: evident_projector; grants: none

create aggregate evident."fold_golden.seen"(uuid,evident.event_store) (sfunc = evident."folding_golden.seen", stype = golden.seen, parallel = u, start = NULL);

-- aggregate evident."refold_golden.seen"(golden.seen,evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", onto an existing row.
-- owner: evident_projector; grants: none

create aggregate evident."refold_golden.seen"(golden.seen,evident.event_store) (sfunc = evident."refolding_golden.seen", stype = golden.seen, parallel = u, start = NULL);

-- function evident."folding_golden.seen"(golden.seen,uuid,evident.event_store)
-- Made by create_projection: the row so far, its key set, and an event.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."folding_golden.seen"(p_state golden.seen, p_key uuid, p_event evident.event_store)
 RETURNS golden.seen
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
            begin
                p_state.task_id := p_key;
                return evident."step_golden.seen"(p_state, p_event);
            end;
            $function$;

-- function evident."hold_event_golden.seen"()
-- Made by create_projection: refuses events of parked keys.
-- owner: evident_owner; grants: none

CREATE OR REPLACE FUNCTION evident."hold_event_golden.seen"()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
        begin
            if new.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid then
                if current_setting('transaction_isolation')
                    in ('repeatable read', 'serializable')
                then
                    perform evident._as_projector('lock table golden.seen in row exclusive mode');
                    perform evident._share_projection('golden.seen');
                end if;
                perform evident._refuse_parked(
                    'golden.seen', array[new.aggregate_id::text]
                );
            end if;
            return null;
        end;
        $function$;

-- function evident."keep_batch_golden.seen"()
-- Made by create_projection: folds a statement's events by what it names.
-- owner: evident_owner; grants: none

CREATE OR REPLACE FUNCTION evident."keep_batch_golden.seen"()
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
                perform evident."kept_batch_golden.seen"(v_events);
                return null;
            end;
            $function$;

-- function evident."keep_event_golden.seen"()
-- Made by create_projection: folds one event by what it names.
-- owner: evident_owner; grants: none

CREATE OR REPLACE FUNCTION evident."keep_event_golden.seen"()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
            begin
                return evident."kept_event_golden.seen"(new);
            end;
            $function$;

-- function evident."kept_batch_golden.seen"(evident.event_store[])
-- Made by create_projection: folds the events of a statement, by key.
-- owner: evident_projector; grants: execute to evident_owner

CREATE OR REPLACE FUNCTION evident."kept_batch_golden.seen"(p_events evident.event_store[])
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
            v_keys uuid[];
            v_rows golden.seen[];
            v_abbreviations text;
        begin
            if current_user operator(pg_catalog.=) 'evident_projector'
            and array[pg_catalog.current_setting('array_nulls'), pg_catalog.current_setting('backslash_quote'), pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('default_text_search_config'), pg_catalog.current_setting('intervalstyle'), pg_catalog.current_setting('plpgsql.check_asserts'), pg_catalog.current_setting('plpgsql.extra_errors'), pg_catalog.current_setting('quote_all_identifiers'), pg_catalog.current_setting('search_path'), pg_catalog.current_setting('standard_conforming_strings'), pg_catalog.current_setting('timezone_abbreviations'), pg_catalog.current_setting('transform_null_equals'), pg_catalog.current_setting('xmlbinary'), pg_catalog.current_setting('xmloption')] operator(pg_catalog.=) '{on,safe_encoding,hex,"ISO, MDY",pg_catalog.english,postgres,on,none,off,"pg_catalog, pg_temp",on,Default,off,base64,content}'::pg_catalog.text[]
            and array[pg_catalog.current_setting('extra_float_digits'), pg_catalog.current_setting('lc_monetary'), pg_catalog.current_setting('lc_numeric'), pg_catalog.current_setting('lc_time'), pg_catalog.current_setting('timezone')] operator(pg_catalog.<@) '{1,C,C,C,UTC,3,C.UTF-8,C.UTF-8,C.UTF-8,Etc/UTC}'::pg_catalog.text[]
             then
                
            if current_setting('transaction_isolation')
                in ('repeatable read', 'serializable')
            then
                lock table golden.seen in row exclusive mode;
                perform evident._share_projection('golden.seen');
            end if;
        
                lock table golden.seen in row exclusive mode;
                begin
                    select
                        array_agg(f.key),
                        array_agg(f.next_row)
                    into v_keys, v_rows
                    from (
        select
            k.key,
            evident."refold_golden.seen"(
                case when k.is_first then coalesce((select row(s.*)::golden.seen from golden.seen as s where s.task_id = k.key), row(k.key)::golden.seen) else row(k.key)::golden.seen end,
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
                where n.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
                offset 0
            ) as e
            cross join lateral (select (e.event).aggregate_id) as k (key)
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
            perform evident._refuse_fold('golden.seen', sqlstate, v_message, v_detail);
        end;
        
                if v_keys is not null then
                    
        with given as materialized (select unnest(v_keys) as key, unnest(v_rows) as next_row),

        removed as (
            delete from golden.seen as t
            using given as g
            where t.task_id = g.key and (g.next_row).task_id is null
            returning 1
        ),

        kept as (
            insert into golden.seen as t (task_id)
            select g.key
            from given as g
            cross join (select count(*) from removed) as r
            where (g.next_row).task_id is not null
            on conflict (task_id) do update set task_id = excluded.task_id
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
            perform evident."kept_batch_golden.seen"(p_events);
            perform pg_catalog.set_config(
                'timezone_abbreviations', v_abbreviations, true
            );
            return null;
        end;
        $function$;

-- function evident."kept_event_golden.seen"(evident.event_store)
-- Made by create_projection: folds one event into the read model.
-- owner: evident_projector; grants: execute to evident_owner

CREATE OR REPLACE FUNCTION evident."kept_event_golden.seen"(new evident.event_store)
 RETURNS evident.event_store
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET "TimeZone" TO 'UTC'
AS $function$
            
        #variable_conflict use_column
        declare
            v_row golden.seen;
            v_found record;
            v_message text;
            v_detail text;
        begin
            if current_user operator(pg_catalog.=) 'evident_projector'
            and array[pg_catalog.current_setting('array_nulls'), pg_catalog.current_setting('backslash_quote'), pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('default_text_search_config'), pg_catalog.current_setting('intervalstyle'), pg_catalog.current_setting('plpgsql.check_asserts'), pg_catalog.current_setting('plpgsql.extra_errors'), pg_catalog.current_setting('quote_all_identifiers'), pg_catalog.current_setting('search_path'), pg_catalog.current_setting('standard_conforming_strings'), pg_catalog.current_setting('timezone_abbreviations'), pg_catalog.current_setting('transform_null_equals'), pg_catalog.current_setting('xmlbinary'), pg_catalog.current_setting('xmloption')] operator(pg_catalog.=) '{on,safe_encoding,hex,"ISO, MDY",pg_catalog.english,postgres,on,none,off,"pg_catalog, pg_temp",on,Default,off,base64,content}'::pg_catalog.text[]
            and array[pg_catalog.current_setting('extra_float_digits'), pg_catalog.current_setting('lc_monetary'), pg_catalog.current_setting('lc_numeric'), pg_catalog.current_setting('lc_time'), pg_catalog.current_setting('timezone')] operator(pg_catalog.<@) '{1,C,C,C,UTC,3,C.UTF-8,C.UTF-8,C.UTF-8,Etc/UTC}'::pg_catalog.text[]
             and new.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid then
                if new.version = 1 then
                    v_row.task_id := new.aggregate_id;
                    begin
                        v_row := evident."step_golden.seen"(v_row, new);
                    
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden.seen', sqlstate, v_message, v_detail);
        end;
        
                    insert into golden.seen as t (task_id)
                    select new.aggregate_id
                    where v_row.task_id is not null
                    on conflict (task_id) do update set task_id = excluded.task_id;
                    return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
                end if;

                select
                    evident."row_golden.seen"(row(s.*)::golden.seen) as stored,
                    s.ctid as place,
                    s.xmin as writer
                into v_found
                from golden.seen as s
                where s.task_id = new.aggregate_id;

                if found then
                    begin
                        v_row := evident."step_golden.seen"(v_found.stored, new);
                    
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden.seen', sqlstate, v_message, v_detail);
        end;
        
                    update golden.seen as t
                    set task_id = t.task_id
                    where
                        t.ctid = v_found.place
                        and t.xmin = v_found.writer
                        and t.task_id = new.aggregate_id
                        and v_row.task_id is not null;
                    if found then
                        return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
                    end if;
                end if;

                
            if current_setting('transaction_isolation')
                in ('repeatable read', 'serializable')
            then
                lock table golden.seen in row exclusive mode;
                perform evident._share_projection('golden.seen');
            end if;
        
                insert into golden.seen as t (task_id)
                select new.aggregate_id
                from (
                    select
                        evident."next_golden.seen"(
                            coalesce((select row(s.*)::golden.seen from golden.seen as s where s.task_id = new.aggregate_id), row(new.aggregate_id)::golden.seen),
                            new
                        ) as next_row
                    offset 0
                ) as f
                where (f.next_row).task_id is not null
                on conflict (task_id) do update set task_id = excluded.task_id;

                if not found then
                    delete from golden.seen as t
                    where t.task_id = new.aggregate_id;
                end if;
                return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
            end if;
        
            if new.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid then
                if current_user operator(pg_catalog.<>) 'evident_projector' then
                    perform evident._refuse_settings();
                end if;
                declare
                    v_abbreviations constant text := pg_catalog.current_setting(
                        'timezone_abbreviations'
                    );
                begin
                    if v_abbreviations operator(pg_catalog.=) 'Default' then
                        perform evident."pinned_golden.seen"(new);
                    else
                        perform pg_catalog.set_config(
                            'timezone_abbreviations', 'Default', true
                        );
                        perform evident."pinned_golden.seen"(new);
                        perform pg_catalog.set_config(
                            'timezone_abbreviations', v_abbreviations, true
                        );
                    end if;
                end;
            end if;
            return null;
        end;
        $function$;

-- function evident."next_golden.seen"(golden.seen,evident.event_store)
-- Made by create_projection: the fold step, naming the projection in errors.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."next_golden.seen"(p_row golden.seen, p_event evident.event_store)
 RETURNS golden.seen
 LANGUAGE plpgsql
AS $function$
            declare
                v_message text;
                v_detail text;
            begin
                return evident."step_golden.seen"(p_row, p_event);
            
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden.seen', sqlstate, v_message, v_detail);
        end;
        
            $function$;

-- function evident."pinned_golden.seen"(evident.event_store)
-- Made by create_projection: folds one event under the settings that all use.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."pinned_golden.seen"(new evident.event_store)
 RETURNS evident.event_store
 LANGUAGE plpgsql
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
AS $function$
            
        #variable_conflict use_column
        declare
            v_row golden.seen;
            v_found record;
            v_message text;
            v_detail text;
        begin
            if current_user operator(pg_catalog.=) 'evident_projector'
            and array[pg_catalog.current_setting('array_nulls'), pg_catalog.current_setting('backslash_quote'), pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('default_text_search_config'), pg_catalog.current_setting('intervalstyle'), pg_catalog.current_setting('plpgsql.check_asserts'), pg_catalog.current_setting('plpgsql.extra_errors'), pg_catalog.current_setting('quote_all_identifiers'), pg_catalog.current_setting('search_path'), pg_catalog.current_setting('standard_conforming_strings'), pg_catalog.current_setting('timezone_abbreviations'), pg_catalog.current_setting('transform_null_equals'), pg_catalog.current_setting('xmlbinary'), pg_catalog.current_setting('xmloption')] operator(pg_catalog.=) '{on,safe_encoding,hex,"ISO, MDY",pg_catalog.english,postgres,on,none,off,"pg_catalog, pg_temp",on,Default,off,base64,content}'::pg_catalog.text[]
            and array[pg_catalog.current_setting('extra_float_digits'), pg_catalog.current_setting('lc_monetary'), pg_catalog.current_setting('lc_numeric'), pg_catalog.current_setting('lc_time'), pg_catalog.current_setting('timezone')] operator(pg_catalog.<@) '{1,C,C,C,UTC,3,C.UTF-8,C.UTF-8,C.UTF-8,Etc/UTC}'::pg_catalog.text[]
             and new.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid then
                if new.version = 1 then
                    v_row.task_id := new.aggregate_id;
                    begin
                        v_row := evident."step_golden.seen"(v_row, new);
                    
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden.seen', sqlstate, v_message, v_detail);
        end;
        
                    insert into golden.seen as t (task_id)
                    select new.aggregate_id
                    where v_row.task_id is not null
                    on conflict (task_id) do update set task_id = excluded.task_id;
                    return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
                end if;

                select
                    evident."row_golden.seen"(row(s.*)::golden.seen) as stored,
                    s.ctid as place,
                    s.xmin as writer
                into v_found
                from golden.seen as s
                where s.task_id = new.aggregate_id;

                if found then
                    begin
                        v_row := evident."step_golden.seen"(v_found.stored, new);
                    
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden.seen', sqlstate, v_message, v_detail);
        end;
        
                    update golden.seen as t
                    set task_id = t.task_id
                    where
                        t.ctid = v_found.place
                        and t.xmin = v_found.writer
                        and t.task_id = new.aggregate_id
                        and v_row.task_id is not null;
                    if found then
                        return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
                    end if;
                end if;

                
            if current_setting('transaction_isolation')
                in ('repeatable read', 'serializable')
            then
                lock table golden.seen in row exclusive mode;
                perform evident._share_projection('golden.seen');
            end if;
        
                insert into golden.seen as t (task_id)
                select new.aggregate_id
                from (
                    select
                        evident."next_golden.seen"(
                            coalesce((select row(s.*)::golden.seen from golden.seen as s where s.task_id = new.aggregate_id), row(new.aggregate_id)::golden.seen),
                            new
                        ) as next_row
                    offset 0
                ) as f
                where (f.next_row).task_id is not null
                on conflict (task_id) do update set task_id = excluded.task_id;

                if not found then
                    delete from golden.seen as t
                    where t.task_id = new.aggregate_id;
                end if;
                return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
            end if;
        
            if new.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid then
                perform evident._refuse_settings();
            end if;
            return null;
        end;
        $function$;

-- function evident."refolding_golden.seen"(golden.seen,golden.seen,evident.event_store)
-- Made by create_projection: as the fold step, from p_start at first.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."refolding_golden.seen"(p_state golden.seen, p_start golden.seen, p_event evident.event_store)
 RETURNS golden.seen
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
            begin
                if p_state.task_id is null then
                    p_state := p_start;
                else
                    p_state.task_id := p_start.task_id;
                end if;
                return evident."step_golden.seen"(p_state, p_event);
            end;
            $function$;

-- function evident."row_golden.seen"(golden.seen)
-- Made by create_projection: the row that it is given.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."row_golden.seen"(p_row golden.seen)
 RETURNS golden.seen
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT p_row AS p_row;
END;

-- function evident."step_golden.seen"(golden.seen,evident.event_store)
-- Made by create_projection: stands for the fold step.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."step_golden.seen"(p_row golden.seen, p_event evident.event_store)
 RETURNS golden.seen
 LANGUAGE sql
 IMMUTABLE
BEGIN ATOMIC
 SELECT golden.apply_seen(p_row, p_event) AS apply_seen;
END;

-- view evident."events_of_golden.seen"
-- Made by create_projection: the events of the projection, once for each key.
-- owner: evident_projector; grants: none

create view evident."events_of_golden.seen" with (security_invoker=on) as
 SELECT k.key,
    e.*::evident.event_store AS event,
    e.id AS "position"
   FROM (evident.event_store e
     CROSS JOIN LATERAL ( SELECT e.aggregate_id) k(key))
  WHERE ((e.aggregate_id <> '00000000-0000-0000-0000-000000000000'::uuid) AND (NOT (EXISTS ( SELECT
           FROM evident.projection_skip s
          WHERE ((s.projection = 'golden.seen'::text) AND (s."position" = e.id) AND (s.key = (k.key)::text))))));

-- trigger event_store_hold_event_golden.seen, enabled: O

CREATE TRIGGER "event_store_hold_event_golden.seen" AFTER INSERT ON evident.event_store FOR EACH ROW EXECUTE FUNCTION evident."hold_event_golden.seen"();

-- trigger event_store_keep_batch_golden.seen, enabled: O

CREATE TRIGGER "event_store_keep_batch_golden.seen" AFTER INSERT ON evident.event_store REFERENCING NEW TABLE AS new_events FOR EACH STATEMENT WHEN (evident._is_batch()) EXECUTE FUNCTION evident."keep_batch_golden.seen"();

-- trigger event_store_keep_event_golden.seen, enabled: O

CREATE TRIGGER "event_store_keep_event_golden.seen" AFTER INSERT ON evident.event_store FOR EACH ROW WHEN ((NOT evident._is_batch())) EXECUTE FUNCTION evident."keep_event_golden.seen"();
