-- What create_projection makes for golden.limits; see golden_models.sql.

-- aggregate evident."fold_golden.limits"(uuid,evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", into the row of a key.
-- owner: evident_projector; grants: none

create aggregate evident."fold_golden.limits"(uuid,evident.event_store) (sfunc = evident."folding_golden.limits", stype = golden.limits, parallel = u, start = NULL);

-- aggregate evident."refold_golden.limits"(golden.limits,evident.event_store)
-- Made by create_projection: folds events, in the order given by "order by", onto an existing row.
-- owner: evident_projector; grants: none

create aggregate evident."refold_golden.limits"(golden.limits,evident.event_store) (sfunc = evident."refolding_golden.limits", stype = golden.limits, parallel = u, start = NULL);

-- function evident."folding_golden.limits"(golden.limits,uuid,evident.event_store)
-- Made by create_projection: the row so far, its key set, and an event.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."folding_golden.limits"(p_state golden.limits, p_key uuid, p_event evident.event_store)
 RETURNS golden.limits
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
            begin
                p_state.task_id := p_key;
                return evident."step_golden.limits"(p_state, p_event);
            end;
            $function$;

-- function evident."hold_event_golden.limits"()
-- Made by create_projection: refuses events of parked keys.
-- owner: evident_owner; grants: none

CREATE OR REPLACE FUNCTION evident."hold_event_golden.limits"()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
        begin
            if new.event_type operator(pg_catalog.=) any ('{Paid}'::pg_catalog.text[]) and new.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid then
                if current_setting('transaction_isolation')
                    in ('repeatable read', 'serializable')
                then
                    perform evident._as_projector('lock table golden.limits in row exclusive mode');
                    perform evident._share_projection('golden.limits');
                end if;
                perform evident._refuse_parked(
                    'golden.limits', array[new.aggregate_id::text]
                );
            end if;
            return null;
        end;
        $function$;

-- function evident."keep_batch_golden.limits"()
-- Made by create_projection: folds a statement's events by what it names.
-- owner: evident_owner; grants: none

CREATE OR REPLACE FUNCTION evident."keep_batch_golden.limits"()
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
                perform evident."kept_batch_golden.limits"(v_events);
                return null;
            end;
            $function$;

-- function evident."keep_event_golden.limits"()
-- Made by create_projection: folds one event by what it names.
-- owner: evident_owner; grants: none

CREATE OR REPLACE FUNCTION evident."keep_event_golden.limits"()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
            begin
                return evident."kept_event_golden.limits"(new);
            end;
            $function$;

-- function evident."kept_batch_golden.limits"(evident.event_store[])
-- Made by create_projection: folds the events of a statement, by key.
-- owner: evident_projector; grants: execute to evident_owner

CREATE OR REPLACE FUNCTION evident."kept_batch_golden.limits"(p_events evident.event_store[])
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
            v_rows golden.limits[];
            v_abbreviations text;
        begin
            if current_user operator(pg_catalog.=) 'evident_projector'
            and array[pg_catalog.current_setting('array_nulls'), pg_catalog.current_setting('backslash_quote'), pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('default_text_search_config'), pg_catalog.current_setting('intervalstyle'), pg_catalog.current_setting('plpgsql.check_asserts'), pg_catalog.current_setting('plpgsql.extra_errors'), pg_catalog.current_setting('quote_all_identifiers'), pg_catalog.current_setting('search_path'), pg_catalog.current_setting('standard_conforming_strings'), pg_catalog.current_setting('timezone_abbreviations'), pg_catalog.current_setting('transform_null_equals'), pg_catalog.current_setting('xmlbinary'), pg_catalog.current_setting('xmloption')] operator(pg_catalog.=) '{on,safe_encoding,hex,"ISO, MDY",pg_catalog.english,postgres,on,none,off,"pg_catalog, pg_temp",on,Default,off,base64,content}'::pg_catalog.text[]
            and array[pg_catalog.current_setting('extra_float_digits'), pg_catalog.current_setting('lc_monetary'), pg_catalog.current_setting('lc_numeric'), pg_catalog.current_setting('lc_time'), pg_catalog.current_setting('timezone')] operator(pg_catalog.<@) '{1,C,C,C,UTC,3,C.UTF-8,C.UTF-8,C.UTF-8,Etc/UTC}'::pg_catalog.text[]
             then
                
            if current_setting('transaction_isolation')
                in ('repeatable read', 'serializable')
            then
                lock table golden.limits in row exclusive mode;
                perform evident._share_projection('golden.limits');
            end if;
        
                lock table golden.limits in row exclusive mode;
                begin
                    select
                        array_agg(f.key),
                        array_agg(f.next_row)
                    into v_keys, v_rows
                    from (
        select
            k.key,
            evident."refold_golden.limits"(
                case when k.is_first then coalesce((select row(s.*)::golden.limits from golden.limits as s where s.task_id = k.key), row(k.key, null)::golden.limits) else row(k.key, null)::golden.limits end,
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
                where n.event_type operator(pg_catalog.=) any ('{Paid}'::pg_catalog.text[]) and n.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid
                offset 0
            ) as e
            cross join lateral (select (e.event).aggregate_id) as k (key)
        ) as v
        ) as k
        group by k.key
        ) as f;
                end;
                if v_keys is not null then
                    
        with given as materialized (select unnest(v_keys) as key, unnest(v_rows) as next_row),

        removed as (
            delete from golden.limits as t
            using given as g
            where t.task_id = g.key and (g.next_row).task_id is null
            returning 1
        ),

        kept as (
            insert into golden.limits as t (task_id, amount)
            select g.key, (g.next_row).amount
            from given as g
            cross join (select count(*) from removed) as r
            where (g.next_row).task_id is not null
            on conflict (task_id) do update set amount = excluded.amount
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
            perform evident."kept_batch_golden.limits"(p_events);
            perform pg_catalog.set_config(
                'timezone_abbreviations', v_abbreviations, true
            );
            return null;
        end;
        $function$;

-- function evident."kept_event_golden.limits"(evident.event_store)
-- Made by create_projection: folds one event into the read model.
-- owner: evident_projector; grants: execute to evident_owner

CREATE OR REPLACE FUNCTION evident."kept_event_golden.limits"(new evident.event_store)
 RETURNS evident.event_store
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET "TimeZone" TO 'UTC'
AS $function$
            
        #variable_conflict use_column
        declare
            v_row golden.limits;
            v_found record;
            v_message text;
            v_detail text;
        begin
            if current_user operator(pg_catalog.=) 'evident_projector'
            and array[pg_catalog.current_setting('array_nulls'), pg_catalog.current_setting('backslash_quote'), pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('default_text_search_config'), pg_catalog.current_setting('intervalstyle'), pg_catalog.current_setting('plpgsql.check_asserts'), pg_catalog.current_setting('plpgsql.extra_errors'), pg_catalog.current_setting('quote_all_identifiers'), pg_catalog.current_setting('search_path'), pg_catalog.current_setting('standard_conforming_strings'), pg_catalog.current_setting('timezone_abbreviations'), pg_catalog.current_setting('transform_null_equals'), pg_catalog.current_setting('xmlbinary'), pg_catalog.current_setting('xmloption')] operator(pg_catalog.=) '{on,safe_encoding,hex,"ISO, MDY",pg_catalog.english,postgres,on,none,off,"pg_catalog, pg_temp",on,Default,off,base64,content}'::pg_catalog.text[]
            and array[pg_catalog.current_setting('extra_float_digits'), pg_catalog.current_setting('lc_monetary'), pg_catalog.current_setting('lc_numeric'), pg_catalog.current_setting('lc_time'), pg_catalog.current_setting('timezone')] operator(pg_catalog.<@) '{1,C,C,C,UTC,3,C.UTF-8,C.UTF-8,C.UTF-8,Etc/UTC}'::pg_catalog.text[]
             and new.event_type operator(pg_catalog.=) any ('{Paid}'::pg_catalog.text[]) and new.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid then
                if new.version = 1 then
                    v_row.task_id := new.aggregate_id;
                    begin
                        v_row := evident."step_golden.limits"(v_row, new);
                    end;
                    insert into golden.limits as t (task_id, amount)
                    select new.aggregate_id, v_row.amount
                    where v_row.task_id is not null
                    on conflict (task_id) do update set amount = excluded.amount;
                    return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
                end if;

                select
                    evident."row_golden.limits"(row(s.*)::golden.limits) as stored,
                    s.ctid as place,
                    s.xmin as writer
                into v_found
                from golden.limits as s
                where s.task_id = new.aggregate_id;

                if found then
                    begin
                        v_row := evident."step_golden.limits"(v_found.stored, new);
                    end;
                    update golden.limits as t
                    set amount = v_row.amount
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
                lock table golden.limits in row exclusive mode;
                perform evident._share_projection('golden.limits');
            end if;
        
                insert into golden.limits as t (task_id, amount)
                select new.aggregate_id, (f.next_row).amount
                from (
                    select
                        evident."next_golden.limits"(
                            coalesce((select row(s.*)::golden.limits from golden.limits as s where s.task_id = new.aggregate_id), row(new.aggregate_id, null)::golden.limits),
                            new
                        ) as next_row
                    offset 0
                ) as f
                where (f.next_row).task_id is not null
                on conflict (task_id) do update set amount = excluded.amount;

                if not found then
                    delete from golden.limits as t
                    where t.task_id = new.aggregate_id;
                end if;
                return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
            end if;
        
            if new.event_type operator(pg_catalog.=) any ('{Paid}'::pg_catalog.text[]) and new.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid then
                if current_user operator(pg_catalog.<>) 'evident_projector' then
                    perform evident._refuse_settings();
                end if;
                declare
                    v_abbreviations constant text := pg_catalog.current_setting(
                        'timezone_abbreviations'
                    );
                begin
                    if v_abbreviations operator(pg_catalog.=) 'Default' then
                        perform evident."pinned_golden.limits"(new);
                    else
                        perform pg_catalog.set_config(
                            'timezone_abbreviations', 'Default', true
                        );
                        perform evident."pinned_golden.limits"(new);
                        perform pg_catalog.set_config(
                            'timezone_abbreviations', v_abbreviations, true
                        );
                    end if;
                end;
            end if;
            return null;
        end;
        $function$;

-- function evident."next_golden.limits"(golden.limits,evident.event_store)
-- Made by create_projection: the fold step, naming the projection in errors.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."next_golden.limits"(p_row golden.limits, p_event evident.event_store)
 RETURNS golden.limits
 LANGUAGE plpgsql
AS $function$
            declare
                v_message text;
                v_detail text;
            begin
                return evident."step_golden.limits"(p_row, p_event);
            end;
            $function$;

-- function evident."pinned_golden.limits"(evident.event_store)
-- Made by create_projection: folds one event under the settings that all use.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."pinned_golden.limits"(new evident.event_store)
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
            v_row golden.limits;
            v_found record;
            v_message text;
            v_detail text;
        begin
            if current_user operator(pg_catalog.=) 'evident_projector'
            and array[pg_catalog.current_setting('array_nulls'), pg_catalog.current_setting('backslash_quote'), pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('default_text_search_config'), pg_catalog.current_setting('intervalstyle'), pg_catalog.current_setting('plpgsql.check_asserts'), pg_catalog.current_setting('plpgsql.extra_errors'), pg_catalog.current_setting('quote_all_identifiers'), pg_catalog.current_setting('search_path'), pg_catalog.current_setting('standard_conforming_strings'), pg_catalog.current_setting('timezone_abbreviations'), pg_catalog.current_setting('transform_null_equals'), pg_catalog.current_setting('xmlbinary'), pg_catalog.current_setting('xmloption')] operator(pg_catalog.=) '{on,safe_encoding,hex,"ISO, MDY",pg_catalog.english,postgres,on,none,off,"pg_catalog, pg_temp",on,Default,off,base64,content}'::pg_catalog.text[]
            and array[pg_catalog.current_setting('extra_float_digits'), pg_catalog.current_setting('lc_monetary'), pg_catalog.current_setting('lc_numeric'), pg_catalog.current_setting('lc_time'), pg_catalog.current_setting('timezone')] operator(pg_catalog.<@) '{1,C,C,C,UTC,3,C.UTF-8,C.UTF-8,C.UTF-8,Etc/UTC}'::pg_catalog.text[]
             and new.event_type operator(pg_catalog.=) any ('{Paid}'::pg_catalog.text[]) and new.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid then
                if new.version = 1 then
                    v_row.task_id := new.aggregate_id;
                    begin
                        v_row := evident."step_golden.limits"(v_row, new);
                    end;
                    insert into golden.limits as t (task_id, amount)
                    select new.aggregate_id, v_row.amount
                    where v_row.task_id is not null
                    on conflict (task_id) do update set amount = excluded.amount;
                    return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
                end if;

                select
                    evident."row_golden.limits"(row(s.*)::golden.limits) as stored,
                    s.ctid as place,
                    s.xmin as writer
                into v_found
                from golden.limits as s
                where s.task_id = new.aggregate_id;

                if found then
                    begin
                        v_row := evident."step_golden.limits"(v_found.stored, new);
                    end;
                    update golden.limits as t
                    set amount = v_row.amount
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
                lock table golden.limits in row exclusive mode;
                perform evident._share_projection('golden.limits');
            end if;
        
                insert into golden.limits as t (task_id, amount)
                select new.aggregate_id, (f.next_row).amount
                from (
                    select
                        evident."next_golden.limits"(
                            coalesce((select row(s.*)::golden.limits from golden.limits as s where s.task_id = new.aggregate_id), row(new.aggregate_id, null)::golden.limits),
                            new
                        ) as next_row
                    offset 0
                ) as f
                where (f.next_row).task_id is not null
                on conflict (task_id) do update set amount = excluded.amount;

                if not found then
                    delete from golden.limits as t
                    where t.task_id = new.aggregate_id;
                end if;
                return case
                when pg_catalog.current_setting('search_path')
                    operator(pg_catalog.<>) 'pg_catalog, pg_temp'
                    then evident._refuse_settings()
            end;
            end if;
        
            if new.event_type operator(pg_catalog.=) any ('{Paid}'::pg_catalog.text[]) and new.aggregate_id operator(pg_catalog.<>) '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid then
                perform evident._refuse_settings();
            end if;
            return null;
        end;
        $function$;

-- function evident."refolding_golden.limits"(golden.limits,golden.limits,evident.event_store)
-- Made by create_projection: as the fold step, from p_start at first.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."refolding_golden.limits"(p_state golden.limits, p_start golden.limits, p_event evident.event_store)
 RETURNS golden.limits
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
            begin
                if p_state.task_id is null then
                    p_state := p_start;
                else
                    p_state.task_id := p_start.task_id;
                end if;
                return evident."step_golden.limits"(p_state, p_event);
            end;
            $function$;

-- function evident."row_golden.limits"(golden.limits)
-- Made by create_projection: the row that it is given.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."row_golden.limits"(p_row golden.limits)
 RETURNS golden.limits
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT p_row AS p_row;
END;

-- function evident."step_golden.limits"(golden.limits,evident.event_store)
-- Made by create_projection: stands for the fold step.
-- owner: evident_projector; grants: none

CREATE OR REPLACE FUNCTION evident."step_golden.limits"(p_row golden.limits, p_event evident.event_store)
 RETURNS golden.limits
 LANGUAGE sql
 IMMUTABLE
BEGIN ATOMIC
 SELECT golden.apply_limits(p_row, p_event) AS apply_limits;
END;

-- view evident."events_of_golden.limits"
-- Made by create_projection: the events of the projection, once for each key.
-- owner: evident_projector; grants: none

create view evident."events_of_golden.limits" with (security_invoker=on) as
 SELECT k.key,
    e.*::evident.event_store AS event,
    e.id AS "position"
   FROM (evident.event_store e
     CROSS JOIN LATERAL ( SELECT e.aggregate_id) k(key))
  WHERE ((e.event_type = ANY ('{Paid}'::text[])) AND (e.aggregate_id <> '00000000-0000-0000-0000-000000000000'::uuid) AND (NOT (EXISTS ( SELECT
           FROM evident.projection_skip s
          WHERE ((s.projection = 'golden.limits'::text) AND (s."position" = e.id) AND (s.key = (k.key)::text))))));

-- trigger event_store_hold_event_golden.limits, enabled: O

CREATE TRIGGER "event_store_hold_event_golden.limits" AFTER INSERT ON evident.event_store FOR EACH ROW EXECUTE FUNCTION evident."hold_event_golden.limits"();

-- trigger event_store_keep_batch_golden.limits, enabled: O

CREATE TRIGGER "event_store_keep_batch_golden.limits" AFTER INSERT ON evident.event_store REFERENCING NEW TABLE AS new_events FOR EACH STATEMENT WHEN (evident._is_batch()) EXECUTE FUNCTION evident."keep_batch_golden.limits"();

-- trigger event_store_keep_event_golden.limits, enabled: O

CREATE TRIGGER "event_store_keep_event_golden.limits" AFTER INSERT ON evident.event_store FOR EACH ROW WHEN ((NOT evident._is_batch())) EXECUTE FUNCTION evident."keep_event_golden.limits"();
