-- evident._key_problem: why a column cannot be the key of a read model.
--
-- A key is a text where it waits for others: in a lock, among the parked ones, in the
-- hash that makes slices. In the read model it is a value. Where equal values have two
-- texts the two disagree, and updates are lost without an error. So a key's type is one
-- in which equal values have one text. What else means to be a key is made a text by
-- the function that tells the keys, which the hint shows.
--
-- Empty when the column is a key.

create or replace function evident._key_problem(p_model oid, p_column text)
returns table (reason text, hint text)
language sql
stable
parallel safe
begin atomic
    with asked as (
        select
            p_model as model,
            p_column as name
    )

    select
        format(
            'the key %I is of type %s%s', a.attname,
            format_type(a.atttypid, a.atttypmod),
            case
                when o.collname is not null
                    then
                        format(
                            ' under collation %I, which is not deterministic',
                            o.collname
                        )
                else ', in which equal values may have several texts'
            end
        ),
        format(
            'make it text %sand its text the same for equal values, in p_keys: '
            'create function %I.%I(p_event evident.event_store) returns text '
            'language sql stable return %s',
            case when o.collname is not null then 'collate "C" ' else '' end,
            n.nspname,
            'key_of_' || c.relname,
            format(
                case
                    when o.collname is not null then 'lower(normalize(%s))'
                    when t.typname = 'numeric' then 'trim_scale((%s)::numeric)::text'
                    when t.typname in ('float4', 'float8')
                        then '((%s)::float8 + 0)::text'
                    when t.typname = 'interval'
                        then 'justify_interval((%s)::interval)::text'
                    when t.typname = 'timestamptz'
                        then '((%s)::timestamptz at time zone ''UTC'')::text'
                    when t.typname = 'timestamp' then '(%s)::timestamp::text'
                    when t.typname = 'timetz'
                        then '((%s)::timetz at time zone ''UTC'')::text'
                    when t.typname = 'time' then '(%s)::time::text'
                    when t.typname = 'bytea' then 'encode((%s)::bytea, ''hex'')'
                    when t.typname = 'citext' then 'lower(%s)'
                    when t.typname = 'bpchar' then 'rtrim(%s)'
                    else '%s'
                end,
                format('p_event.payload ->> %L', a.attname)
            )
        )
    from asked as q
    inner join pg_attribute as a on q.model = a.attrelid and q.name = a.attname
    inner join pg_type as t on a.atttypid = t.oid
    inner join pg_class as c on a.attrelid = c.oid
    inner join pg_namespace as n on c.relnamespace = n.oid
    left join pg_collation as o
        on a.attcollation = o.oid and not o.collisdeterministic
    where
        o.oid is not null
        or a.atttypid not in (
            'uuid'::regtype, 'text'::regtype, 'smallint'::regtype,
            'integer'::regtype, 'bigint'::regtype, 'date'::regtype,
            'boolean'::regtype
        );
end;

comment on function evident._key_problem(oid, text) is
'Why equal values of a read model''s column could have several texts, with a hint that
shows the function to write; no row when they have one.';

revoke all on function evident._key_problem(oid, text) from public;
