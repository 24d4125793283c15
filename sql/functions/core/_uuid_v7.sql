-- evident._uuid_v7: a new time-ordered UUID, RFC 9562 version 7.
--
-- 48 bits of Unix milliseconds, then random bits; version and variant are
-- stamped over a random version-4 UUID, whose variant bits already fit.
-- Time order keeps the unique index on event_id growing at one edge.
-- PostgreSQL 18 has uuidv7(); this one body serves 15 and later alike.

create or replace function evident._uuid_v7()
returns uuid
language sql
volatile
parallel safe
begin atomic
    select encode(
        set_bit(
            set_bit(
                overlay(
                    uuid_send(gen_random_uuid()),
                    substr(
                        int8send(
                            (date_part('epoch', evident._now()) * 1000)::bigint
                        ),
                        3
                    ),
                    1,
                    6
                ),
                52, 1
            ),
            53, 1
        ),
        'hex'
    )::uuid;
end;

comment on function evident._uuid_v7() is
'A new UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then random.';

revoke all on function evident._uuid_v7() from public;
