-- A parking that does not see what was decided since.

select pg_temp.spoil(
    'evident.park_event(text, bigint, bigint, bigint, text)',
    'when w.parked_version is null then w.version > excluded.version',
    ''
);
select pg_temp.spoil(
    'evident.park_event(text, bigint, bigint, bigint, text)',
    'where s.consumer = p_consumer and s.position = p_position',
    'where false'
);
select pg_temp.spoil(
    'evident.park_event(text, bigint, bigint, bigint, text)',
    'or w.refused_version <= excluded.version is not true',
    'or true'
);
