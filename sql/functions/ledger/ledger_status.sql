-- evident.ledger_status: how far the ledger is, and how far it was published.
--
-- One row, also when a partial restore left the tables empty that it reads.

create or replace view evident.ledger_status as
with identity as (
    select
        i.log_id,
        i.name,
        i.incarnation
    from evident.log_identity as i
    order by i.incarnation desc
    limit 1
),

head as (
    select
        h.tree_size,
        h.root_hash,
        h.last_event_id,
        h.sealed_at
    from evident.tree_head as h
    order by h.number desc
    limit 1
),

publication as (
    select
        p.tree_size,
        p.published_at
    from evident.ledger_publication as p
    order by p.number desc
    limit 1
)

select
    i.name || '/' || i.log_id || '/' || i.incarnation as origin,
    i.log_id,
    i.name,
    i.incarnation,
    h.tree_size as leaves,
    h.root_hash,
    h.last_event_id as sealed_until,
    h.sealed_at,
    extract(epoch from clock_timestamp() - h.sealed_at) as seconds_since_seal,
    evident._events_after(n.ids, coalesce(h.last_event_id, 0)) as unsealed_events,
    p.tree_size as published_leaves,
    p.published_at,
    s.attestation_sqlstate,
    s.attestation_error,
    s.attestation_failed_at,
    (
        select count(*)
        from evident.blocker as b
        where b.stops in ('seal', 'feed')
    ) as blockers,
    nullif(
        concat_ws(
            '; ',
            case
                when i.log_id is null
                    then
                        'log_identity has no row: '
                        'as evident_owner, select evident.initialize_log()'
            end,
            case
                when h.tree_size is null
                    then
                        'tree_head has no row: '
                        'as evident_owner, select evident.initialize_log()'
            end
        ),
        ''
    ) as problem,
    n.is_snapshot
from evident._newest as n
left join identity as i on true
left join head as h on true
left join publication as p on true
left join evident.ledger_state as s on true;

comment on view evident.ledger_status is
'One row: the log''s origin (name, uuid and incarnation); leaves, root_hash and
sealed_until (an event''s id) of the newest tree head, when it was sealed and how many
seconds ago; how many events are not sealed yet (above 10,000 an estimate); leaves of
the newest published checkpoint, and when it was published; while the store''s own
events (GuardChanged, IncarnationBegun) cannot be stored: with which SQLSTATE and
message, and since when; how many blockers there are of seal and feed, see
evident.blocker; the problem of a store that was restored in part; and is_snapshot, as
in feed_status.';

revoke all on table evident.ledger_status from public;
grant select on table evident.ledger_status to
evident_operator, evident_auditor, evident_monitor;
