-- evident.begin_incarnation: say that history goes on from an earlier state.
--
-- After a restore of an older backup, or a failover to a standby that had not received
-- everything, the tree is smaller than one whose checkpoint was published. A publisher
-- refuses it, as it must. A new incarnation, with its reason, shows for ever that this
-- happened, and excuses nothing by itself: a person accepts its number, once with the
-- publisher and with each verifier. A new name for the log takes one too.
--
-- The incarnation is what the operator asked for, so it is begun also when its event
-- cannot be stored, because a trigger on event_store raises: a warning tells, and the
-- next seal that can stores the event.
--
-- Locks: the sealer's (_lock_sealer), waited for, until the transaction ends.
-- Errors: PT400, PT500; 0A000 in a database that is not UTF8; 25006 on a standby

create or replace function evident.begin_incarnation(
    p_reason text,
    p_name text default null
)
returns integer
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set jit = off
as $function$
declare
    v_identity evident.log_identity;
begin
    perform evident.require_utf8();
    -- The whole length: blanks at the ends are stored as well.
    if coalesce(char_length(p_reason), 0) not between 1 and 1000
        or trim(p_reason) = ''
    then
        perform evident._refuse_argument(
            'p_reason',
            'blank, or not from 1 to 1000 characters',
            'say why history goes on from an earlier state'
        );
    end if;
    if p_name !~ '^[!-*,-~]{1,100}$' then
        perform evident._refuse_argument(
            'p_name',
            'not 1 to 100 visible ASCII characters without +',
            'give a name such as example.com/orders'
        );
    end if;
    perform evident._refuse_one_snapshot();
    perform evident._lock_sealer(true);

    v_identity := evident._log_identity();
    v_identity.incarnation := v_identity.incarnation + 1;
    v_identity.name := coalesce(p_name, v_identity.name);

    insert into evident.log_identity (incarnation, log_id, name, reason, tree_size)
    values (
        v_identity.incarnation,
        v_identity.log_id,
        v_identity.name,
        p_reason,
        (evident._tree_head()).tree_size
    );
    perform evident._attest();
    if v_identity.incarnation::text is distinct from (
        select e.payload ->> 'incarnation'
        from evident.event_store as e
        where
            e.aggregate_id = '00000000-0000-0000-0000-000000000000'
            and e.event_type = 'IncarnationBegun'
        order by e.version desc
        limit 1
    ) then
        raise warning using
            message = format(
                'incarnation %s has begun, its event is not stored yet',
                v_identity.incarnation
            ),
            hint = 'evident.ledger_status tells why; the next seal tries again';
    end if;
    return v_identity.incarnation;
end;
$function$;

comment on function evident.begin_incarnation(text, text) is
'Begins a new incarnation of the log, with a reason and, if given, another name, and
gives its number. For restores of older backups and failovers that lost events: the
publisher and verifiers then accept the loss of the newest events, where a person
gives them this number. Appends an event IncarnationBegun to the store''s own stream;
when that fails a warning tells, and the next seal does it. Waits for a seal that is
under way. Errors: PT400; PT500 a row of the log is gone; 0A000 in a database that is
not UTF8.';

revoke all on function evident.begin_incarnation(text, text) from public;
grant execute on function evident.begin_incarnation(text, text) to evident_operator;
