-- append_event that looks for the version before without a limit: statistics from
-- when the table was smaller make each call look cheaper when planned anew.

select pg_temp.spoil(
    'evident.append_event(uuid, text, jsonb, integer, jsonb, uuid)',
    '
            order by k.version
            limit 1',
    ''
);
