-- evident.create_consumer: name a consumer outside the database.
--
-- Each partition has a position of its own, beginning before the first event, or where
-- p_from says: with 'now' behind the safe position, so that nothing appears below it
-- later and everything above it comes. The number of partitions is fixed: with another
-- one, aggregates would change places between positions. So a repeated call with the
-- same definition does nothing, and one with another is refused.
--
-- Errors: PT400

create or replace function evident.create_consumer(
    p_consumer text,
    p_partitions bigint default 1,
    p_event_types text[] default null,
    p_from text default null
)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    v_event_types text[];
    v_existing record;
    v_position bigint;
begin
    if p_consumer is null or char_length(p_consumer) not between 1 and 100 then
        perform evident._refuse_argument(
            'p_consumer',
            'not a text of 1 to 100 characters',
            'name the consumer after what it does with the events'
        );
    end if;
    if p_partitions is null or p_partitions not between 1 and 1024 then
        perform evident._refuse_argument(
            'p_partitions',
            'not between 1 and 1024',
            'pass how many workers may be at work at the same time'
        );
    end if;

    if cardinality(p_event_types) > 1000 then
        perform evident._refuse_argument(
            'p_event_types', 'more than 1000 types', 'pass null for all'
        );
    end if;

    -- In one order and each once, so that equal sets are equal definitions.
    select array_agg(
        distinct t.event_type collate "C" order by t.event_type collate "C"
    )
    into v_event_types
    from unnest(p_event_types) as t (event_type);

    if p_event_types is not null and not coalesce((
        select bool_and(coalesce(char_length(t.event_type) between 1 and 100, false))
        from unnest(p_event_types) as t (event_type)
    ), false)
    then
        perform evident._refuse_argument(
            'p_event_types',
            'not an array of texts of 1 to 100 characters',
            'list the types that the consumer wants, or pass null for all'
        );
    end if;

    v_position := case
        when p_from is null then 0
        else evident._position_of('p_from', p_from)
    end;

    for v_attempt in 1..100 loop
        insert into evident.consumer as c (name, partitions, event_types)
        values (p_consumer, p_partitions, v_event_types)
        on conflict (name) do nothing;

        if found then
            insert into evident.consumer_partition as p (
                consumer, partition, number, position
            )
            select
                p_consumer,
                n.number,
                nextval('evident.consumer_number_seq'),
                v_position
            from generate_series(0, p_partitions - 1) as n (number);
            insert into evident.consumer_decision as d (consumer, kind, position)
            values (p_consumer, 'created', v_position);
            return;
        end if;

        select
            c.partitions,
            c.event_types
        into v_existing
        from evident.consumer as c
        where c.name = p_consumer;

        -- Unless it was dropped in between.
        exit when found;
    end loop;
    if v_existing.partitions is null then
        raise exception using
            errcode = 'serialization_failure',
            message = format(
                'consumer %s is not made: it came and went a hundred times', p_consumer
            ),
            detail = jsonb_build_object('name', p_consumer)::text,
            hint = 'call again';
    end if;

    if v_existing.partitions <> p_partitions then
        perform evident._refuse_argument(
            'p_partitions',
            format('consumer %s has %s', p_consumer, v_existing.partitions),
            'drop_consumer first; the new one begins where p_from says'
        );
    end if;
    if v_existing.event_types is distinct from v_event_types then
        perform evident._refuse_argument(
            'p_event_types',
            format('consumer %s has others', p_consumer),
            'drop_consumer first; the new one begins where p_from says'
        );
    end if;
end;
$function$;

comment on function evident.create_consumer(text, bigint, text[], text) is
'Makes a consumer outside the database: p_consumer, its name of 1 to 100 characters;
p_partitions, 1 to 1024, how many workers can be at work at once; p_event_types, 1,000
at most, or null for all; p_from, where a new consumer begins: null or start, before the
first event; now, behind the newest that is safe; or a position as text. The same call
again does nothing, whatever p_from is. Errors: PT400 invalid argument, or a
consumer of that name with another definition.';

revoke all on function evident.create_consumer(text, bigint, text[], text) from public;
grant execute on function evident.create_consumer(text, bigint, text[], text)
to evident_operator;
