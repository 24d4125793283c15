-- What create_projection makes for golden.tasks; see golden_models.sql.

-- aggregate evident."fold_golden.tasks"(uuid,evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", into the row of a key.
-- owner: evident_projector; grants: none

create aggregate evident."fold_golden.tasks"(uuid,evident.event_store) (sfunc = evident."folding_golden.tasks", stype = golden.tasks, parallel = s, start = NULL);

-- aggregate evident."refold_golden.tasks"(golden.tasks,evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", onto an existing row.
-- owner: evident_projector; grants: none

create aggregate evident."refold_golden.tasks"(golden.tasks,evident.event_store) (sfunc = evident."refolding_golden.tasks", stype = golden.tasks, parallel = s, start = NULL);

-- function evident."folding_golden.tasks"(golden.tasks,uuid,evident.event_store)
-- Made by create_projection: the row so far, its key set, and an event.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."folding_golden.tasks"(p_state golden.tasks, p_key uuid, p_event evident.event_store)
 RETURNS golden.tasks
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
            begin
                p_state.task_id := p_key;
                return evident."step_golden.tasks"(p_state, p_event);
            end;
            $function$;

-- function evident."hold_event_golden.tasks"()
-- Made by create_projection: refuses events of parked keys.
-- owner: evident_owner; grants: none

CREATE OR REPLACE FUNCTION evident."hold_event_golden.tasks"()
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
                    perform evident._as_projector('lock table golden.tasks in row exclusive mode');
                    perform evident._share_projection('golden.tasks');
                end if;
                perform evident._refuse_parked(
                    'golden.tasks', array[new.aggregate_id::text]
                );
            end if;
            return null;
        end;
        $function$;

-- function evident."keep_batch_golden.tasks"()
-- Made by create_projection: folds a statement's events by what it names.
-- owner: evident_owner; grants: none

CREATE OR REPLACE FUNCTION evident."keep_batch_golden.tasks"()
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
                perform evident."kept_batch_golden.tasks"(v_events);
                return null;
            end;
            $function$;

-- function evident."keep_event_golden.tasks"()
-- Made by create_projection: folds one event by what it names.
-- owner: evident_owner; grants: none

CREATE OR REPLACE FUNCTION evident."keep_event_golden.tasks"()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
            begin
                return evident."kept_event_golden.tasks"(new);
            end;
            $function$;

-- function evident."kept_batch_golden.tasks"(evident.event_store[])
-- Made by create_projection: folds the events of a statement, by key.
-- owner: evident_projector; grants: execute to evident_owner

CREATE OR REPLACE FUNCTION evident."kept_batch_golden.tasks"(p_events evident.event_store[])
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
            v_rows golden.tasks[];
            v_abbreviations text;
        begin
            if current_user operator(pg_catalog.=) 'evident_projector'
            and array[pg_catalog.current_setting('array_nulls'), pg_catalog.current_setting('backslash_quote'), pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('default_text_search_config'), pg_catalog.current_setting('intervalstyle'), pg_catalog.current_setting('plpgsql.check_asserts'), pg_catalog.current_setting('plpgsql.extra_errors'), pg_catalog.current_setting('quote_all_identifiers'), pg_catalog.current_setting('search_path'), pg_catalog.current_setting('standard_conforming_strings'), pg_catalog.current_setting('timezone_abbreviations'), pg_catalog.current_setting('transform_null_equals'), pg_catalog.current_setting('xmlbinary'), pg_catalog.current_setting('xmloption')] operator(pg_catalog.=) '{on,safe_encoding,hex,"ISO, MDY",pg_catalog.english,postgres,on,none,off,"pg_catalog, pg_temp",on,Default,off,base64,content}'::pg_catalog.text[]
            and array[pg_catalog.current_setting('extra_float_digits'), pg_catalog.current_setting('lc_monetary'), pg_catalog.current_setting('lc_numeric'), pg_catalog.current_setting('lc_time'), pg_catalog.current_setting('timezone')] operator(pg_catalog.<@) '{1,C,C,C,UTC,3,C.UTF-8,C.UTF-8,C.UTF-8,Etc/UTC}'::pg_catalog.text[]
             then
                
            if current_setting('transaction_isolation')
                in ('repeatable read', 'serializable')
            then
                lock table golden.tasks in row exclusive mode;
                perform evident._share_projection('golden.tasks');
            end if;
        
                lock table golden.tasks in row exclusive mode;
                begin
                    select
                        array_agg(f.key),
                        array_agg(f.next_row)
                    into v_keys, v_rows
                    from (
        select
            k.key,
            evident."refold_golden.tasks"(
                case when k.is_first then coalesce((select row(s.*)::golden.tasks from golden.tasks as s where s.task_id = k.key), row(k.key, null, null)::golden.tasks) else row(k.key, null, null)::golden.tasks end,
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
            perform evident._refuse_fold('golden.tasks', sqlstate, v_message, v_detail);
        end;
        
                if v_keys is not null then
                    
        with given as materialized (select unnest(v_keys) as key, unnest(v_rows) as next_row),

        removed as (
            delete from golden.tasks as t
            using given as g
            where t.task_id = g.key and (g.next_row).task_id is null
            returning 1
        ),

        kept as (
            insert into golden.tasks as t (task_id, title, version)
            select g.key, (g.next_row).title, (g.next_row).version
            from given as g
            cross join (select count(*) from removed) as r
            where (g.next_row).task_id is not null
            on conflict (task_id) do update set title = excluded.title, version = excluded.version
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
            perform evident."kept_batch_golden.tasks"(p_events);
            perform pg_catalog.set_config(
                'timezone_abbreviations', v_abbreviations, true
            );
            return null;
        end;
        $function$;

-- function evident."kept_event_golden.tasks"(evident.event_store)
-- Made by create_projection: folds one event into the read model.
-- owner: evident_projector; grants: execute to evident_owner

CREATE OR REPLACE FUNCTION evident."kept_event_golden.tasks"(new evident.event_store)
 RETURNS evident.event_store
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET "TimeZone" TO 'UTC'
AS $function$
            
        #variable_conflict use_column
        declare
            v_row golden.tasks;
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
                        v_row := evident."step_golden.tasks"(v_row, new);
                    
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden.tasks', sqlstate, v_message, v_detail);
        end;
        
                    insert into golden.tasks as t (task_id, title, version)
                    select new.aggregate_id, v_row.title, v_row.version
                    where v_row.task_id is not null
                    on conflict (task_id) do update set title = excluded.title, version = excluded.version;
                    return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
                end if;

                select
                    evident."row_golden.tasks"(row(s.*)::golden.tasks) as stored,
                    s.ctid as place,
                    s.xmin as writer
                into v_found
                from golden.tasks as s
                where s.task_id = new.aggregate_id;

                if found then
                    begin
                        v_row := evident."step_golden.tasks"(v_found.stored, new);
                    
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden.tasks', sqlstate, v_message, v_detail);
        end;
        
                    update golden.tasks as t
                    set title = v_row.title, version = v_row.version
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
                lock table golden.tasks in row exclusive mode;
                perform evident._share_projection('golden.tasks');
            end if;
        
                insert into golden.tasks as t (task_id, title, version)
                select new.aggregate_id, (f.next_row).title, (f.next_row).version
                from (
                    select
                        evident."next_golden.tasks"(
                            coalesce((select row(s.*)::golden.tasks from golden.tasks as s where s.task_id = new.aggregate_id), row(new.aggregate_id, null, null)::golden.tasks),
                            new
                        ) as next_row
                    offset 0
                ) as f
                where (f.next_row).task_id is not null
                on conflict (task_id) do update set title = excluded.title, version = excluded.version;

                if not found then
                    delete from golden.tasks as t
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
                        perform evident."pinned_golden.tasks"(new);
                    else
                        perform pg_catalog.set_config(
                            'timezone_abbreviations', 'Default', true
                        );
                        perform evident."pinned_golden.tasks"(new);
                        perform pg_catalog.set_config(
                            'timezone_abbreviations', v_abbreviations, true
                        );
                    end if;
                end;
            end if;
            return null;
        end;
        $function$;

-- function evident."next_golden.tasks"(golden.tasks,evident.event_store)
-- Made by create_projection: the fold step, naming the projection in errors.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."next_golden.tasks"(p_row golden.tasks, p_event evident.event_store)
 RETURNS golden.tasks
 LANGUAGE plpgsql
AS $function$
            declare
                v_message text;
                v_detail text;
            begin
                return evident."step_golden.tasks"(p_row, p_event);
            
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden.tasks', sqlstate, v_message, v_detail);
        end;
        
            $function$;

-- function evident."pinned_golden.tasks"(evident.event_store)
-- Made by create_projection: folds one event under the settings that all use.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."pinned_golden.tasks"(new evident.event_store)
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
            v_row golden.tasks;
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
                        v_row := evident."step_golden.tasks"(v_row, new);
                    
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden.tasks', sqlstate, v_message, v_detail);
        end;
        
                    insert into golden.tasks as t (task_id, title, version)
                    select new.aggregate_id, v_row.title, v_row.version
                    where v_row.task_id is not null
                    on conflict (task_id) do update set title = excluded.title, version = excluded.version;
                    return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
                end if;

                select
                    evident."row_golden.tasks"(row(s.*)::golden.tasks) as stored,
                    s.ctid as place,
                    s.xmin as writer
                into v_found
                from golden.tasks as s
                where s.task_id = new.aggregate_id;

                if found then
                    begin
                        v_row := evident."step_golden.tasks"(v_found.stored, new);
                    
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold('golden.tasks', sqlstate, v_message, v_detail);
        end;
        
                    update golden.tasks as t
                    set title = v_row.title, version = v_row.version
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
                lock table golden.tasks in row exclusive mode;
                perform evident._share_projection('golden.tasks');
            end if;
        
                insert into golden.tasks as t (task_id, title, version)
                select new.aggregate_id, (f.next_row).title, (f.next_row).version
                from (
                    select
                        evident."next_golden.tasks"(
                            coalesce((select row(s.*)::golden.tasks from golden.tasks as s where s.task_id = new.aggregate_id), row(new.aggregate_id, null, null)::golden.tasks),
                            new
                        ) as next_row
                    offset 0
                ) as f
                where (f.next_row).task_id is not null
                on conflict (task_id) do update set title = excluded.title, version = excluded.version;

                if not found then
                    delete from golden.tasks as t
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

-- function evident."refolding_golden.tasks"(golden.tasks,golden.tasks,evident.event_store)
-- Made by create_projection: as the fold step, from p_start at first.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."refolding_golden.tasks"(p_state golden.tasks, p_start golden.tasks, p_event evident.event_store)
 RETURNS golden.tasks
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
            begin
                if p_state.task_id is null then
                    p_state := p_start;
                else
                    p_state.task_id := p_start.task_id;
                end if;
                return evident."step_golden.tasks"(p_state, p_event);
            end;
            $function$;

-- function evident."row_golden.tasks"(golden.tasks)
-- Made by create_projection: the row that it is given.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."row_golden.tasks"(p_row golden.tasks)
 RETURNS golden.tasks
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT p_row AS p_row;
END;

-- function evident."step_golden.tasks"(golden.tasks,evident.event_store)
-- Made by create_projection: stands for the fold step.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."step_golden.tasks"(p_row golden.tasks, p_event evident.event_store)
 RETURNS golden.tasks
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT golden.apply_tasks(p_row, p_event) AS apply_tasks;
END;

-- view evident."events_of_golden.tasks"
-- Made by create_projection: the events of the projection, once for each key.
-- owner: evident_projector; grants: none

create view evident."events_of_golden.tasks" with (security_invoker=on) as
 SELECT k.key,
    e.*::evident.event_store AS event,
    e.id AS "position"
   FROM (evident.event_store e
     CROSS JOIN LATERAL ( SELECT e.aggregate_id) k(key))
  WHERE ((e.aggregate_id <> '00000000-0000-0000-0000-000000000000'::uuid) AND (NOT (EXISTS ( SELECT
           FROM evident.projection_skip s
          WHERE ((s.projection = 'golden.tasks'::text) AND (s."position" = e.id) AND (s.key = (k.key)::text))))));

-- trigger event_store_hold_event_golden.tasks, enabled: O

CREATE TRIGGER "event_store_hold_event_golden.tasks" AFTER INSERT ON evident.event_store FOR EACH ROW EXECUTE FUNCTION evident."hold_event_golden.tasks"();

-- trigger event_store_keep_batch_golden.tasks, enabled: O

CREATE TRIGGER "event_store_keep_batch_golden.tasks" AFTER INSERT ON evident.event_store REFERENCING NEW TABLE AS new_events FOR EACH STATEMENT WHEN (evident._is_batch()) EXECUTE FUNCTION evident."keep_batch_golden.tasks"();

-- trigger event_store_keep_event_golden.tasks, enabled: O

CREATE TRIGGER "event_store_keep_event_golden.tasks" AFTER INSERT ON evident.event_store FOR EACH ROW WHEN ((NOT evident._is_batch())) EXECUTE FUNCTION evident."keep_event_golden.tasks"();
