-- evident._sql_keys_of: SQL for the keys that an event touches.
--
-- A query of one column. p_event is the SQL of the event. Null and '' are no keys:
-- '' stands for the keys of an event that cannot be told.
--
-- This is the door: a text becomes a value here, and whatever needs the key as text
-- takes the value's own, which is one for all texts of it (_key_problem). 1,000 bytes
-- fit in the indexes of keys. A day named today would be another one in a rebuild,
-- and a number such as 0x10 or 1_000 is none before PostgreSQL 16.

create or replace function evident._sql_keys_of(
    p_projection evident.projection,
    p_event text
)
returns text
language sql
stable
parallel safe
begin atomic
    select case
        when (p_projection).keys is null
            then format('select (%s).aggregate_id', p_event)
        else format(
            'select distinct %s from %s(%s) as r (key) where r.key::text <> %L',
            format(
                case (p_projection).key_type
                    when 'text'
                        then
                            'case when octet_length(r.key::text) > 1000'
                            ' then evident._refuse_key(r.key::text, ''too long'')'
                            ' else r.key::text end'
                    when 'date'
                        then
                            'case when r.key::text collate "C"'
                            ' ~* ''now|today|tomorrow|yesterday'''
                            ' then evident._refuse_key(r.key::text, ''no fixed day'')'
                            ' else r.key::text end::date'
                    when 'uuid' then 'r.key::uuid'
                    when 'boolean' then 'r.key::boolean'
                    else
                        'case when r.key::text collate "C" ~ ''[_xXoObB]'''
                        ' then evident._refuse_key(r.key::text, ''not decimal'')'
                        ' else r.key::text end::%s'
                end,
                (p_projection).key_type
            ),
            evident._name_of_object(p_projection, 'keys_%s'),
            p_event,
            ''
        )
    end;
end;

comment on function evident._sql_keys_of(evident.projection, text) is
'SQL for a query that gives the keys of an event, once each; p_event is its SQL.';

revoke all on function evident._sql_keys_of(evident.projection, text) from public;
