-- evident.rebuild_projection: fold the log anew and repair the read model, in service.
--
-- 1. Fold the log up to a position into a temporary table, without locks.
-- 2. Note the keys whose rows differ. Where appends keep the read model, fold what was
--    appended meanwhile, and again, until little is left.
-- 3. Keep others from writing the read model: appends by a lock on the table; the
--    runner by the projection's. Where somebody is in the way there, or in 4, all that
--    was locked is let go of, and tried again a little later (_finish_rebuild).
-- 4. Fold the rest, and write the rows that differ. All are removed first, since
--    a value that must be unique may have gone from one of them to another.
-- All is one transaction: a rebuild that is killed has changed nothing.
--
-- Where a runner keeps it, it may be anywhere in what was not folded when the rebuild
-- began, so all keys above that checkpoint are compared in 4. In one piece such a
-- rebuild also catches up, and moves the checkpoint to the safe position; a slice
-- ends at the checkpoint, so that slices can be rebuilt one after the other.
--
-- A slice is the keys of one hash value: several sessions can share the work, and
-- each last step is shorter.
--
-- Where appends keep a read model that is stale, their triggers are made anew, since
-- they name its columns; for that all appends wait in 3 and 4.
--
-- The work is in the folds, which are not compiled; so neither is the rest. The whole
-- log is read as it lies and sorted, not by an index, which is slow once the log
-- is larger than memory.
--
-- Strict: a fold that fails ends it. Parked keys are free afterwards.
--
-- Locks: see 3, and the registration's (shared), to the end of the transaction
-- Errors: PT400, PT404; those of the fold; 40001 when the projection was changed
-- meanwhile; 55P03 when an open transaction has locked the table, or rows of it; 23505
-- when the read model has two rows of one key

create or replace function evident.rebuild_projection(
    p_name text,
    p_slice bigint default 0,
    p_slices bigint default 1
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set work_mem = '32MB'
set jit = off
set enable_indexscan = off
set client_min_messages = warning
as $function$
declare
    v_projection evident.projection;
    v_is_live boolean;
    v_slice constant text := case
        when p_slices = 1 then 'true'
        else format(
            '(hashtextextended(%%1$s::text collate "C", 0) & 9223372036854775807)'
            ' %%%% %s = %s',
            p_slices, p_slice
        )
    end;
    v_now evident.projection;
    v_sql text;
    v_definition text;
    v_skips bigint;
    v_safe bigint;
    v_position bigint;
    v_until timestamptz;
    v_started_at timestamptz;
    v_pause double precision;
begin
    if p_slices is null or p_slices not between 1 and 1024 then
        perform evident._refuse_argument(
            'p_slices', 'not between 1 and 1024', 'take a few slices, such as 8'
        );
    end if;
    if p_slice is null or p_slice not between 0 and p_slices - 1 then
        perform evident._refuse_argument(
            'p_slice', format('not between 0 and %s', p_slices - 1),
            'slices count from 0'
        );
    end if;
    v_projection := evident._lock_registration(p_name, p_is_shared => true);
    v_is_live := v_projection.mode = 'sync' and v_projection.state = 'running';
    perform evident._require_projector(v_projection);
    v_definition := evident.projection_definition(p_name);
    if v_definition is null then
        perform evident._refuse_argument(
            'p_name',
            'its read model, its fold, or the function that tells its keys is missing',
            'create what is missing, or drop_projection'
        );
    end if;
    if v_projection.definition is null and p_slices > 1 then
        perform evident._refuse_argument(
            'p_slices', 'its rows are not known to be those of any position',
            'rebuild it in one piece'
        );
    end if;
    select count(*)
    into v_skips
    from evident.projection_skip as s
    where s.projection = p_name;

    -- 1. Up to here everything is there to be read.
    v_safe := evident.safe_position();
    v_position := case
        when v_is_live or p_slices = 1 then v_safe else v_projection.position
    end;
    perform evident._run_ddl(format(
        $sql$
        create temporary table rebuilt on commit drop as
        select
            v.key,
            %1$s(v.key, v.event order by v.position) as next_row
        from %2$s as v
        group by v.key
        with no data;

        create temporary table differing on commit drop as
        select r.key from pg_temp.rebuilt as r
        with no data;
        $sql$,
        evident._name_of_object(v_projection, 'fold_%s'),
        evident._name_of_object(v_projection, 'events_of_%s')
    ), p_is_projectors => true);
    v_sql := evident._fill(
        $sql$
        insert into pg_temp.rebuilt (key, next_row)
        select
            v.key,
            {fold}(v.key, v.event order by v.position)
        from {events} as v
        where v.position <= {position} and {slice}
        group by v.key
        $sql$,
        jsonb_build_object(
            'fold', evident._name_of_object(v_projection, 'fold_%s'),
            'events', evident._name_of_object(v_projection, 'events_of_%s'),
            'position', v_position,
            'slice', format(v_slice, 'v.key')
        )
    );
    perform evident._as_projector(v_sql);
    perform evident._run_ddl(
        'alter table pg_temp.rebuilt add primary key (key)', p_is_projectors => true
    );
    perform evident._as_projector('analyze pg_temp.rebuilt');

    perform set_config('enable_indexscan', 'on', true);

    -- 2.
    perform evident._as_projector(evident._fill(
        $sql$
        insert into pg_temp.differing (key)
        select coalesce(t.{key}, r.key)
        from (select s.* from {table} as s where {slice}) as t
        full join pg_temp.rebuilt as r on t.{key} = r.key
        where {differs}
        $sql$,
        jsonb_build_object(
            'table', v_projection.name,
            'key', format('%I', v_projection.key_column),
            'slice', format(v_slice, format('s.%I', v_projection.key_column)),
            'differs', evident._sql_differs(v_projection, 'r.next_row')
        )
    ));
    begin
        perform evident._run_ddl(
            'alter table pg_temp.differing add primary key (key)',
            p_is_projectors => true
        );
    exception when unique_violation then
        raise exception using
            errcode = 'unique_violation',
            message = format('%s has two rows of one key', p_name),
            detail = jsonb_build_object('projection', p_name)::text,
            hint = format(
                'its unique index is broken, by a new collation library for one: '
                'truncate %1$s; reindex table %1$s; then rebuild it again',
                p_name
            );
    end;

    -- 3 and 4.
    v_until := evident._now() + interval '1 minute';
    for v_attempt in 1..12 loop
        -- The later it is, the more there may be to fold.
        for v_round in 1..(case when v_is_live then 10 else 0 end) loop
            v_safe := evident.safe_position();
            exit when v_safe < v_position + 500;
            perform evident._fold_round(
                v_projection, v_slice, v_position, v_position, v_safe
            );
            v_position := v_safe;
        end loop;

        v_now := evident._lock_projection(p_name);
        v_started_at := evident._now();
        begin
            return evident._finish_rebuild(
                v_projection, v_now, p_slice::integer, p_slices::integer, v_slice,
                v_definition, v_skips, v_position, v_attempt > 8
            );
        exception when lock_not_available then
            v_pause := greatest(
                0.05 * v_attempt, date_part('epoch', evident._now() - v_started_at)
            );
        end;
        exit when evident._now() > v_until;
        -- For so long as appends may have waited they go on.
        perform pg_sleep(v_pause);
    end loop;

    perform evident._refuse_lock(
        p_name,
        format(
            'could not write %s: a transaction that wrote or locked it is still open',
            p_name
        ),
        array[
            evident._read_model(v_projection),
            'evident.event_store'::regclass,
            'evident.baseline'::regclass
        ],
        'nothing was changed; run the rebuild again when it is over'
    );
end;
$function$;

comment on function evident.rebuild_projection(text, bigint, bigint) is
'Folds the log anew and writes the rows that differ; gives how many. Readers never wait;
appends that keep the read model wait for the last step alone, see projection_rebuild.
p_slice of p_slices (1 to 1024) does the keys of one slice, so that sessions can
share the work. In one piece it also catches up to the safe position. For READ
COMMITTED. Errors: PT400 invalid argument, PT404 no such projection, the fold''s own,
40001 when the projection was changed meanwhile, 55P03 when an open transaction, which
the hint names, was in the way: call again.';

revoke all on function evident.rebuild_projection(text, bigint, bigint) from public;
grant execute on function evident.rebuild_projection(text, bigint, bigint)
to evident_operator;
