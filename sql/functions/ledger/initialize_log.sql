-- evident.initialize_log: make the rows that the installation makes, where a copy of
-- the schema lacks them.
--
-- The stamp's row, the first incarnation of the log with its tree head of no leaves and
-- the sealer's row, and the record of the catalog, which guard_status compares with.
--
-- A log is one thing: its identity, tree heads and tiles belong together, and to the
-- checkpoints that were published. So a new one is begun only where nothing of another
-- is left; where a part is, the rest has to come from where that part came from. A log
-- that had only lost its newest rows would otherwise hide it.
--
-- Events may be there. They become leaves of the new log, which says nothing about what
-- they were before, and no checkpoint of an earlier log speaks for it: its uuid is
-- another. That it began over events is told by the reason of its identity, and by an
-- event LogInitialized in the store's own stream, so that the new log itself holds it.
--
-- Locks: SHARE ROW EXCLUSIVE on the tables that it looks at, asked for briefly
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500; 55P03 when others were in
-- the way; 25006 on a standby

create or replace function evident.initialize_log()
returns setof text
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set lock_timeout = '900ms'
as $function$
declare
    v_made text[] := '{}'::text[];
    v_left text[];
    v_newest bigint;
    v_name text;
begin
    perform evident._refuse_one_snapshot();
    lock table
        evident.baseline, evident.feed_stamp, evident.ledger_tile, evident.tree_head,
        evident.log_identity, evident.ledger_state, evident.ledger_publication
        in share row exclusive mode;
    v_newest := (select max(e.id) from evident.event_store as e);

    v_left := array_remove(
        array[
            case when exists (select from evident.log_identity) then 'log_identity' end,
            case when exists (select from evident.tree_head) then 'tree_head' end,
            case when exists (select from evident.ledger_tile) then 'ledger_tile' end,
            case when exists (select from evident.ledger_state) then 'ledger_state' end,
            case
                when exists (select from evident.ledger_publication)
                    then 'ledger_publication'
            end
        ],
        null
    );
    if v_left = '{}' then
        insert into evident.log_identity (incarnation, log_id, name, reason, tree_size)
        values (
            1,
            evident._uuid_v7(),
            'evident',
            case
                when v_newest is null then 'installed'
                else format(
                    'begun over events that were there, the newest with id %s', v_newest
                )
            end,
            0
        );
        insert into evident.tree_head (number, tree_size, root_hash, last_event_id)
        values (1, 0, sha256(''), 0);
        insert into evident.ledger_state (head_number)
        values (1);
        v_made := '{log_identity,tree_head,ledger_state}';
    elsif
        not v_left @> '{log_identity,tree_head,ledger_state}'
        or not exists (select from evident.log_identity as i where i.incarnation = 1)
    then
        raise exception using
            errcode = 'PT500',
            message = 'no new log is begun: another one''s rows are here, in part',
            detail = jsonb_build_object(
                'reason', 'a part of a log is left',
                'tables', to_jsonb(v_left)
            )::text,
            hint = 'restore log_identity, tree_head, ledger_state, ledger_tile and '
                'ledger_publication together, from where these rows came';
    end if;

    if not exists (select from evident.feed_stamp) then
        insert into evident.feed_stamp (position)
        values (0);
        v_made := v_made || 'feed_stamp'::text;
    end if;
    if not exists (select from evident.baseline) then
        perform evident._record_baseline(p_part => 'package');
        for v_name in
            select p.name
            from evident.projection as p
            order by p.number
        loop
            perform evident._record_baseline(v_name);
        end loop;
        v_made := v_made || 'baseline'::text;
    end if;

    if v_made <> '{}' and v_newest is not null then
        perform evident._append_own_event(
            'LogInitialized',
            jsonb_build_object(
                'tables', v_made,
                'newest_id', v_newest,
                'reason', format(
                    'rows of %s were missing', array_to_string(v_made, ', ')
                )
            )
        );
    end if;
    return query
    select m.name
    from unnest(v_made) as m (name);
end;
$function$;

comment on function evident.initialize_log() is
'Makes the rows that a copy of the schema lacks (of feed_stamp, log_identity, tree_head,
ledger_state, baseline) and gives the names of the tables that got theirs; none when all
are there. A new log has a new uuid: no checkpoint of another speaks for it. Over events
that are there it appends LogInitialized to the store''s own stream. For members of
evident_owner, at READ COMMITTED. Errors: PT500 a part of another log is left, or the
sequence of the ids is behind its rows; 55P03 when others were in the way: call again.';

revoke all on function evident.initialize_log() from public;
