-- append_event that looks for the version before without a limit, and takes plans for
-- known values: statistics from when the table was smaller make each call look cheaper
-- when planned anew.

select pg_temp.spoil(
    'evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid)',
    '
            order by k.version
            limit 1',
    ''
);
alter function evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid)
reset plan_cache_mode;
