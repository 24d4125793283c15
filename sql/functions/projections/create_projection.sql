-- evident.create_projection: register a fold, and make what keeps its read model.
--
-- The projection has the name of its read model. A synchronous one over events that
-- are stored already begins by catching up: run_projection folds them, and hands over
-- to the triggers when it is close enough.
--
-- The same registration again does nothing. With another fold, other event types or
-- other columns it renews what was made, and the projection is stale until it
-- is rebuilt. Where appends keep the read model, change its columns and register again
-- in one transaction: the triggers name the columns. Other keys or another mode make
-- another projection: drop the old one first.
--
-- An invariant is a fold that enforces a rule: what it raises is what appends are
-- refused with (_sql_end_of_fold_block). Whoever makes it an ordinary one, which could
-- then be paused by the way, leaves an event in the store's own stream. A repeated
-- registration that does not say (null) leaves it as it is.
--
-- Rows that are there already would be folded onto, hence none may be.
--
-- A setting that quotes every identifier would give the same read model another name,
-- and so fold each event into it twice.
--
-- Locks: the registration's and the projection's; for a synchronous projection also
-- SHARE ROW EXCLUSIVE on evident.event_store: appends wait, readers do not. Asked for
-- briefly, since appends queue behind it. 55P03: try again.
-- Errors: PT400, 55P03

create or replace function evident.create_projection(
    p_read_model regclass,
    p_apply regprocedure,
    p_event_types text[],
    p_mode text default 'sync',
    p_keys regprocedure default null,
    p_is_invariant boolean default null
)
returns text
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set quote_all_identifiers = off
set lock_timeout = '900ms'
as $function$
declare
    v_new evident.projection;
    v_old evident.projection;
    v_has_rows boolean;
begin
    if p_read_model is null or p_apply is null then
        perform evident._refuse_argument(
            case when p_apply is null then 'p_apply' else 'p_read_model' end,
            'null',
            'name a table, and a function (row so far, event) that returns the next row'
        );
    end if;
    -- An oid that is none of a function's is written without arguments.
    if p_apply::text not like '%(%' or p_keys::text not like '%(%' then
        perform evident._refuse_argument(
            case when p_apply::text like '%(%' then 'p_keys' else 'p_apply' end,
            'no function',
            'name a function with the types of its arguments'
        );
    end if;

    if cardinality(p_event_types) > 1000 then
        perform evident._refuse_argument(
            'p_event_types', 'more than 1000 types', 'pass null for all'
        );
    end if;

    v_new.name := p_read_model::text;
    v_new.apply := p_apply::text;
    v_new.keys := p_keys::text;
    v_new.mode := p_mode;
    v_new.is_invariant := p_is_invariant;
    v_new.event_types := (
        select array_agg(
            distinct t.event_type collate "C" order by t.event_type collate "C"
        )
        from unnest(p_event_types) as t (event_type)
    );
    if p_event_types = '{}' then
        v_new.event_types := '{}';
    end if;
    select
        a.attname,
        format_type(a.atttypid, -1)
    into v_new.key_column, v_new.key_type
    from pg_index as i
    inner join pg_attribute as a on i.indrelid = a.attrelid and i.indkey[0] = a.attnum
    where i.indrelid = p_read_model and i.indisprimary and i.indnkeyatts = 1;

    perform evident._check_projection(v_new, p_read_model, p_apply, p_keys);

    perform evident._lock_registration();
    select p.*
    into v_old
    from evident.projection as p
    where p.name = v_new.name;

    if found then
        if (v_old.mode, v_old.key_column, v_old.key_type, v_old.keys)
            is distinct from
            (v_new.mode, v_new.key_column, v_new.key_type, v_new.keys)
        then
            perform evident._refuse_argument(
                'p_read_model',
                'registered with another mode or other keys',
                format('drop_projection(%L) and empty the table first', v_new.name)
            );
        end if;
        v_new.is_invariant := coalesce(p_is_invariant, v_old.is_invariant);
        if (v_old.apply, v_old.event_types, v_old.is_invariant) is not distinct from
            (v_new.apply, v_new.event_types, v_new.is_invariant)
            and v_old.definition = evident.projection_definition(v_old.name)
            and evident._projection_bound(v_old, 'step_%s') = p_apply
        then
            perform evident._record_baseline(
                v_old.name, 'fold', array[v_old.apply, v_old.keys]
            );
            return v_old.name;
        end if;
        perform evident._lock_registration(v_old.name);
        perform evident._lock_projection(v_old.name);
        update evident.projection as p
        set
            apply = v_new.apply,
            event_types = v_new.event_types,
            is_invariant = v_new.is_invariant
        where p.name = v_old.name
        returning p.* into v_new;
    else
        -- From a dump of the schema alone: they fold into a read model that nobody has
        -- registered, and what a run is about to fold as well.
        if exists (
            select
            from pg_trigger as t
            where
                t.tgrelid = 'evident.event_store'::regclass
                and t.tgname in (
                    evident._name_of_trigger(v_new, 'keep_event_%s'),
                    evident._name_of_trigger(v_new, 'keep_batch_%s')
                )
        ) then
            perform evident._lock_making();
            perform evident._switch_triggers(v_new, false);
        end if;
        v_has_rows := (
            select a.answer::boolean
            from evident._ask_projector(
                format(
                    'select to_jsonb(exists (select from %s))', v_new.name
                )
            ) as a (answer)
        );
        if v_has_rows then
            perform evident._refuse_argument(
                'p_read_model',
                'has rows already',
                'truncate it: its rows come from the events'
            );
        end if;
        insert into evident.projection as p (
            name, apply, keys, key_column, key_type, event_types, mode, is_invariant,
            state
        )
        values (
            v_new.name, v_new.apply, v_new.keys, v_new.key_column, v_new.key_type,
            v_new.event_types, v_new.mode, coalesce(p_is_invariant, false),
            case v_new.mode when 'sync' then 'catching_up' else 'running' end
        )
        returning p.* into v_new;
    end if;

    perform evident._make_fold(v_new, p_apply, p_keys);
    update evident.projection as p
    set definition = evident.projection_definition(p.name)
    where p.name = v_new.name and v_old.name is null;
    if v_new.mode = 'sync' and v_new.state = 'running' then
        perform evident._switch_triggers(v_new, true);
    elsif v_new.state = 'catching_up'
        and not exists (select from evident.event_store)
    then
        perform evident._hand_over_to_triggers(v_new);
    end if;
    perform evident._record_baseline(v_new.name);
    if not v_new.is_invariant then
        perform evident._record_force(
            v_old, 'InvariantEnded', null,
            'registered again with p_is_invariant => false'
        );
    end if;
    return v_new.name;
end;
$function$;

comment on function
evident.create_projection(
    regclass, regprocedure, text[], text, regprocedure, boolean
) is
'Registers the fold of a read model and gives the projection''s name, which is the read
model''s, schema included. p_apply(row so far, event) returns the next row, null to
remove it; the first event of a key meets a row with only its key. p_event_types:
what is folded, 1,000 at most; null = all. p_mode: sync = in the append''s transaction,
async = by run_projection. p_keys(event): the keys that an event touches, null and ''''
aside; without it, its aggregate. p_is_invariant: the fold enforces a rule, and appends
are refused with its own error; for sync; null = as it is registered, or false. Table,
functions and their schemas belong to evident_projector. For READ COMMITTED. Errors:
PT400; 55P03 when others were in the way: call again.';

revoke all on function
evident.create_projection(
    regclass, regprocedure, text[], text, regprocedure, boolean
) from public;
grant execute on function
evident.create_projection(
    regclass, regprocedure, text[], text, regprocedure, boolean
) to evident_projector, evident_operator;
