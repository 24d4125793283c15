-- evident.claim_events: lease one partition of a consumer and give its next events.
--
-- The statements stand in this order, each with its own snapshot. First the safe
-- position: below it nothing appears any more, so what is claimed has no hole.
-- Then the lock on a free partition: `skip locked`, so that workers never wait for each
-- other, and checked again on the row's newest version, so that a lease which was
-- taken meanwhile counts. It reads the consumer's definition in the same
-- snapshot: one that was dropped and made anew is another, with other rows. Then, when
-- nobody else can move the partition, the events behind it.
--
-- What was claimed longest ago comes first, by the epoch: a clock that was set back
-- would keep a partition waiting that was claimed before that.
--
-- A second worker skips the partition while this call is not committed, and
-- sees the lease afterwards.
--
-- A free partition in which nothing is new has its position moved up, so that the next
-- look there is short; nobody's events are unconfirmed in it, for they would be found.
--
-- A claim holds at least one event, then as many as fit into 16 MiB of text, so that
-- what works on it needs no more memory, whatever is stored. How far that is is found
-- row by row, and ends with the row that is too much; below the safe position the same
-- events are there for the statement that takes them.
--
-- The index on id is the only good plan at any size; see read_feed.
--
-- Locks: the rows of the partitions that it leases or moves, never waiting.
-- Errors: PT400, PT404; 25006 on a standby

create or replace function evident.claim_events(
    p_consumer text,
    p_worker text,
    p_limit integer default 100,
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
    recorded_by text
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
    v_now timestamptz;
    v_free record;
    v_event record;
    v_last bigint;
    v_bytes bigint;
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

    loop
        select
            p.partition,
            p.position,
            c.partitions,
            c.event_types
        into v_free
        from evident.consumer_partition as p
        inner join evident.consumer as c on p.consumer = c.name
        where
            p.consumer = p_consumer
            and p.position < v_until
            and (p.lease_expires_at is null or p.lease_expires_at <= v_now)
        order by p.epoch, p.partition
        limit 1
        for no key update of p skip locked;

        exit when not found;

        v_last := null;
        v_bytes := 0;
        for v_event in
            select
                e.id,
                octet_length(e.payload::text) + octet_length(e.metadata::text) as bytes
            from evident.event_store as e
            where
                e.id > v_free.position
                and e.id <= v_until
                and (
                    v_free.event_types is null
                    or e.event_type = any (v_free.event_types)
                )
                and evident._partition_of(e.aggregate_id, v_free.partitions)
                = v_free.partition
            order by e.id
            limit p_limit
        loop
            v_bytes := v_bytes + v_event.bytes;
            exit when v_bytes > 16777216 and v_last is not null;
            v_last := v_event.id;
        end loop;

        return query
        with taken as materialized (
            select e.*
            from evident.event_store as e
            where
                e.id > v_free.position
                and e.id <= v_last
                and (
                    v_free.event_types is null
                    or e.event_type = any (v_free.event_types)
                )
                and evident._partition_of(e.aggregate_id, v_free.partitions)
                = v_free.partition
            order by e.id
        ),

        leased as (
            update evident.consumer_partition as p
            set
                epoch = nextval('evident.consumer_epoch_seq'),
                worker = p_worker,
                lease = p_lease,
                lease_expires_at = evident._now() + p_lease,
                claimed_at = evident._now(),
                claimed_until = (select max(t.id) from taken as t)
            where
                p.consumer = p_consumer
                and p.partition = v_free.partition
                and exists (select from taken)
            returning p.epoch, p.lease_expires_at
        )

        select
            v_free.partition,
            l.epoch,
            l.lease_expires_at,
            t.id,
            t.aggregate_id,
            t.version,
            t.event_type,
            t.payload,
            t.metadata,
            t.event_id,
            t.occurred_at,
            t.recorded_by
        from taken as t
        cross join leased as l
        order by t.id;

        exit when found;

        update evident.consumer_partition as p
        set position = v_until
        where p.consumer = p_consumer and p.partition = v_free.partition;
    end loop;
end;
$function$;

comment on function evident.claim_events(text, text, integer, interval) is
'Leases one free partition of p_consumer that has new events to p_worker (1 to 100
characters), and gives up to p_limit (1 to 10000) of them, at least one and then as
many as fit into 16 MiB of payloads and metadata as text, in the order of their ids,
with the partition, the epoch to confirm with, and lease_expires_at, p_lease (up to 1
day) from now: then another worker may claim them again. No rows: nothing to do now.
Errors: PT400 invalid argument, or a transaction at REPEATABLE READ or
SERIALIZABLE; PT404 no such consumer.';

revoke all on function evident.claim_events(text, text, integer, interval)
from public;
grant execute on function evident.claim_events(text, text, integer, interval) to
evident_consumer, evident_operator;
