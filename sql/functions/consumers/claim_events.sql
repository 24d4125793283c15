-- evident.claim_events: lease one partition of a consumer and give its next events.
--
-- The statements stand in this order, each with its own snapshot. First the safe
-- position: below it nothing appears any more, so what is claimed has no hole.
-- Then the free partitions, and the lock on one: by its number, which each change
-- raises, so that a lease which was taken meanwhile counts, and `skip locked`, so that
-- workers never wait for each other. A consumer that was dropped and made anew has
-- other numbers. Then, when nobody else can move the partition, its events.
--
-- What was claimed longest ago comes first, by the epoch: a clock that was set back
-- would keep a partition waiting that was claimed before that.
--
-- A second worker skips the partition while this call is not committed, and
-- sees the lease afterwards.
--
-- A claim gives either the partition's next events, or those of one aggregate that
-- waited behind a parked event and was retried. The latter come first, but not
-- twice in a row before one was confirmed to its end: events that fail again leave
-- the rest of the partition its turns.
--
-- The safe position may be behind what another worker has claimed: learned before that
-- claim, or gone back, when a writer announced what it had read long ago. What was
-- safe once is safe for ever, so the end of that claim counts as well. For what its
-- worker parked and an operator retried must not be taken for events that the partition
-- has yet to reach: the lease holds still, and its confirmation would pass them.
--
-- A free partition in which nothing is new has its position moved up, so that the next
-- look there is short; nobody's events are unconfirmed in it, for they would be found.
--
-- Locks: the rows of the partitions that it leases or moves, never waiting.
-- Errors: PT400, PT404; 25006 on a standby

create or replace function evident.claim_events(
    p_consumer text,
    p_worker text,
    p_limit bigint default 100,
    p_lease interval default '30 seconds'
)
returns table (
    partition integer,
    epoch bigint,
    lease_expires_at timestamptz,
    id bigint,
    aggregate_id uuid,
    version integer,
    event_type text,
    payload jsonb,
    metadata jsonb,
    event_id uuid,
    occurred_at timestamptz,
    recorded_by text,
    attempts bigint,
    retried_after bigint
)
language plpgsql
volatile
parallel unsafe
security definer
rows 100
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
set enable_bitmapscan = off
as $function$
declare
    v_until bigint;
    v_claimable bigint;
    v_now timestamptz;
    v_free record;
    v_aggregate_id uuid;
    v_attempts bigint;
    v_retried_after bigint;
    v_ids bigint [];
begin
    if p_worker is null or char_length(p_worker) not between 1 and 100 then
        perform evident._refuse_argument(
            'p_worker',
            'not a text of 1 to 100 characters',
            'name the worker, so that consumer_status can tell who is at work'
        );
    end if;
    if p_limit is null or p_limit not between 1 and 10000 then
        perform evident._refuse_argument(
            'p_limit',
            'not between 1 and 10000',
            'claim as much as is done within one lease'
        );
    end if;
    if p_lease is null or p_lease <= interval '0' or p_lease > interval '1 day' then
        perform evident._refuse_argument(
            'p_lease',
            'not above 0 and at most 1 day',
            'pass how long the events may take; a confirmation renews the lease'
        );
    end if;

    v_until := evident.safe_position();

    if not exists (select from evident.consumer as c where c.name = p_consumer) then
        perform evident._refuse_consumer(p_consumer);
    end if;

    v_now := evident._now();

    for v_free in
        select
            p.partition,
            p.number,
            p.position,
            p.claimed_until,
            p.claimed_aggregate_id
        from evident.consumer as c
        cross join generate_series(0, c.partitions - 1) as n (number)
        cross join lateral (
            select q.*
            from evident.consumer_partition as q
            where q.consumer = c.name and q.partition = n.number
            order by q.number desc
            limit 1
        ) as p
        where
            c.name = p_consumer
            and (p.lease_expires_at is null or p.lease_expires_at <= v_now)
            and (
                p.position < v_until
                or exists (
                    select
                    from evident.consumer_parked as w
                    where
                        w.consumer = c.name
                        and w.partition = n.number
                        and w.version is distinct from w.parked_version
                )
            )
        order by p.epoch, p.partition
    loop
        perform
        from evident.consumer_partition as p
        where
            p.consumer = p_consumer
            and p.partition = v_free.partition
            and p.number = v_free.number
        for no key update skip locked;
        continue when not found;

        v_claimable := greatest(v_until, v_free.claimed_until);
        v_aggregate_id := null;
        v_attempts := null;
        v_retried_after := null;
        v_ids := '{}';
        if v_free.claimed_aggregate_id is not null then
            v_ids := evident._next_events(
                p_consumer, v_free.partition, v_free.position, v_claimable, p_limit
            );
        end if;
        if v_ids = '{}' then
            select
                w.aggregate_id,
                w.ids,
                w.attempts,
                w.retried_after
            into v_aggregate_id, v_ids, v_attempts, v_retried_after
            from evident._claim_waiting(
                p_consumer, v_free.partition, v_free.position, p_limit
            ) as w;
            v_ids := coalesce(v_ids, '{}');
        end if;
        -- Where nothing waits any more, the aggregate is the partition's again: also
        -- what the look above left out for it.
        if v_ids = '{}' then
            v_ids := evident._next_events(
                p_consumer, v_free.partition, v_free.position, v_claimable, p_limit
            );
        end if;

        return query
        with leased as (
            update evident.consumer_partition as p
            set
                number = nextval('evident.consumer_number_seq'),
                epoch = nextval('evident.consumer_epoch_seq'),
                worker = p_worker,
                lease = p_lease,
                lease_expires_at = evident._now() + p_lease,
                claimed_at = evident._now(),
                claimed_until = v_ids[cardinality(v_ids)],
                claimed_aggregate_id = v_aggregate_id,
                attempts = case
                    when v_aggregate_id is not null then p.attempts
                    when p.attempted_id = v_ids[1] then p.attempts + 1
                    else 1
                end,
                attempted_id = case
                    when v_aggregate_id is not null then p.attempted_id
                    else v_ids[1]
                end
            where
                p.consumer = p_consumer
                and p.partition = v_free.partition
                and p.number = v_free.number
                and v_ids <> '{}'
            returning p.epoch, p.lease_expires_at, p.attempts
        )

        select
            v_free.partition,
            l.epoch,
            l.lease_expires_at,
            e.id,
            e.aggregate_id,
            e.version,
            e.event_type,
            e.payload,
            e.metadata,
            e.event_id,
            e.occurred_at,
            e.recorded_by,
            coalesce(v_attempts, l.attempts),
            v_retried_after
        from evident.event_store as e
        cross join leased as l
        where e.id = any (v_ids)
        order by e.id;

        exit when found;

        update evident.consumer_partition as p
        set
            number = nextval('evident.consumer_number_seq'),
            position = greatest(p.position, v_until),
            claimed_aggregate_id = null
        where
            p.consumer = p_consumer
            and p.partition = v_free.partition
            and p.number = v_free.number;
    end loop;
end;
$function$;

comment on function evident.claim_events(text, text, bigint, interval) is
'Leases one free partition of p_consumer that has new events to p_worker (1 to 100
characters), and gives up to p_limit (1 to 10000) of them, at least one and then as
many as fit into 16 MiB of payloads and metadata as text, in the order of their ids,
with the partition, the epoch to confirm with, and lease_expires_at, p_lease (up to 1
day) from now: then another worker may claim them again. attempts counts the claims in
a row that began with the same first event: 1 for the first claim, more where
what was claimed came back unconfirmed. retried_after is null, but for the events of one
aggregate that waited behind a parked one: how far the partition was when they were
retried. No rows: nothing to do now. Errors: PT400 invalid argument, or a transaction
at REPEATABLE READ or SERIALIZABLE; PT404 no such consumer.';

revoke all on function evident.claim_events(text, text, bigint, interval)
from public;
grant execute on function evident.claim_events(text, text, bigint, interval) to
evident_consumer, evident_operator;
