begin;
select plan(22);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

-- A rule: no note above 10. Its refusal has all that an error can have.

set local role evident_projector;
create function probe.rule(p_row probe.note, p_event evident.event_store)
returns probe.note
language plpgsql
immutable
as $function$
begin
    if p_event.payload ->> 'note' = 'boom' then
        perform 1 / 0;
    end if;
    if (p_event.payload ->> 'note')::integer > 10 then
        raise exception using
            errcode = 'PT418', message = 'more than 10', detail = '{"most": 10}',
            hint = 'note less', constraint = 'most', table = 'note', column = 'notes',
            schema = 'probe', datatype = 'integer';
    end if;
    p_row.notes := p_row.notes || (p_event.payload ->> 'note')::integer;
    return p_row;
end;
$function$;
reset role;

create function pg_temp.rule(
    p_is_invariant boolean default null, p_mode text default 'sync'
)
returns text
language sql
volatile
return evident.create_projection(
    'probe.note', 'probe.rule(probe.note, evident.event_store)', '{Noted}', p_mode,
    p_is_invariant => p_is_invariant
);

-- All fields of an error but its context.
create function pg_temp.told(p_statement text)
returns text[]
language plpgsql
as $function$
declare
    v_code text;
    v_message text;
    v_detail text;
    v_hint text;
    v_constraint text;
    v_table text;
    v_column text;
    v_schema text;
    v_datatype text;
begin
    execute p_statement;
    return null;
exception
    when others then
        get stacked diagnostics
            v_code = returned_sqlstate,
            v_message = message_text,
            v_detail = pg_exception_detail,
            v_hint = pg_exception_hint,
            v_constraint = constraint_name,
            v_table = table_name,
            v_column = column_name,
            v_schema = schema_name,
            v_datatype = pg_datatype_name;
        return array[
            v_code, v_message, v_detail, v_hint, v_constraint, v_table, v_column,
            v_schema, v_datatype
        ];
end;
$function$;
create temporary view refused as
select
    pg_temp.told($$ select pg_temp.note(1, '11') $$) as one,
    pg_temp.told(
        format(
            'select evident.append_events(%L, %L)', pg_temp.task(1),
            pg_temp.notes('1', '12')
        )
    ) as many;
create temporary view own as
select
    e.event_type,
    e.payload
from evident.event_store as e
where
    e.aggregate_id = '00000000-0000-0000-0000-000000000000'
    and e.event_type ~ '^Invariant';
create temporary view status as
select
    s.is_invariant,
    s.state,
    s.reason
from evident.projection_status as s
where s.name = 'probe.note';

select pg_temp.note(3, '1');
select pg_temp.rule(true);
select results_eq(
    'select * from status',
    $$ values
    (true, 'catching_up', 'its rule is not enforced until it is running') $$,
    'over events that are stored a rule is not enforced at once, and the status says so'
);
select evident.run_projection('probe.note', 100000);
select results_eq(
    'select * from status', $$ values (true, 'running', null::text) $$,
    'when it is running it is'
);
select results_eq(
    'select * from refused',
    $$ select c.told, c.told
    from (
        values (
            '{PT418,more than 10,"{\"most\": 10}",note less,most,note,notes,probe,integer}'::text[]
        )
    ) as c (told) $$,
    'an invariant''s error reaches whoever appends as it is, all of it'
);
select set_config('intervalstyle', 'sql_standard', true);
select set_config('timezone', 'Asia/Tokyo', true);
select is(
    (pg_temp.told($$ select pg_temp.note(1, '11') $$))[2],
    'more than 10',
    'whatever the settings of the session are'
);
reset timezone;
reset intervalstyle;
select is(
    (pg_temp.told($$ select pg_temp.note(1, 'boom') $$))[1:2],
    '{22012,division by zero}',
    'as does each error of PostgreSQL''s'
);

-- Pausing.

set local role evident_operator;
select is(
    pg_temp.refusal(c.call),
    jsonb_build_object(
        'code', 'PT400',
        'message',
        'invalid argument p_force: appends would no longer be held to the rule of '
        'probe.note',
        'detail', jsonb_build_object(
            'argument', 'p_force',
            'reason', 'appends would no longer be held to the rule of probe.note'
        ),
        'hint', 'pass p_force => true with a p_reason, which is recorded'
    ),
    c.call || ' is refused'
)
from (
    values
    ('select evident.pause_projection(''probe.note'')'),
    ('select evident.pause_projection(''probe.note'', ''carol'', ''why'')'),
    ('select evident.pause_projection(''probe.note'', p_force => null)'),
    ('select evident.drop_projection(''probe.note'')')
) as c (call);
select is(
    pg_temp.refused_argument(c.call),
    c.argument,
    c.call || ' names the argument'
)
from (
    values
    (
        'select evident.pause_projection(''probe.note'', p_force => true)', 'p_reason'
    ),
    (
        'select evident.pause_projection(''probe.note'', '' '', ''why'', true)',
        'p_actor'
    ),
    ('select evident.drop_projection(''probe.note'', p_force => true)', 'p_reason')
) as c (call, argument);
select evident.pause_projection(
    'probe.note', p_actor => 'carol', p_reason => 'a repair', p_force => true
);
reset role;
select results_eq(
    'select * from status', $$ values (true, 'paused', 'carol: a repair') $$,
    'the status tells who paused a rule, and why'
);
select results_eq(
    'select * from own',
    $$ values (
        'InvariantPaused',
        '{"projection": "probe.note", "actor": "carol", "reason": "a repair"}'::jsonb
    ) $$,
    'and an event of the store''s own does'
);
select pg_temp.note(2, '11');
select evident.resume_projection('probe.note');
select results_eq(
    'select * from status',
    $$ values
    (true, 'catching_up', 'its rule is not enforced until it is running') $$,
    'a resumed rule is not enforced yet'
);
select evident.run_projection('probe.note', 100000);
select is(
    array[
        (pg_temp.told($$ select pg_temp.note(2, '1') $$))[1],
        (pg_temp.told($$ select pg_temp.note(1, '11') $$))[1]
    ],
    '{PT423,PT418}',
    'what broke it meanwhile holds up its own key, and the rule is in force for others'
);

-- Not a rule any more, and one again.

select is(
    (pg_temp.told($$ select pg_temp.rule(true, 'async') $$))[2],
    'invalid argument p_is_invariant: async: no append waits for its answer',
    'an invariant is synchronous'
);
select pg_temp.rule();
select is(
    (select s.is_invariant from status as s),
    true,
    'a registration that does not say leaves it as it is'
);
select pg_temp.rule(false);
select is(
    (pg_temp.told($$ select pg_temp.note(1, '11') $$))[2:4],
    array[
        'projection probe.note: more than 10', '{"most": 10}',
        'repair the fold of probe.note, or pause_projection(''probe.note'') to go on'
        ' without it'
    ],
    'an ordinary fold is named in its errors'
);
select is(
    (
        select o.payload
        from own as o
        where o.event_type = 'InvariantEnded'
    ),
    jsonb_build_object(
        'projection', 'probe.note', 'actor', session_user,
        'reason', 'registered again with p_is_invariant => false'
    ),
    'that a rule became an ordinary fold is recorded'
);
select evident.pause_projection('probe.note', p_reason => 'a look');
select is(
    (select s.reason from status as s),
    session_user || ': a look',
    'an ordinary projection is paused without force; a reason is shown'
);
select pg_temp.rule(true);
select evident.drop_projection('probe.note', 'carol', 'not needed', true);
select results_eq(
    'select o.event_type, o.payload ->> ''reason'' from own as o',
    $$ values
    ('InvariantPaused', 'a repair'),
    ('InvariantEnded', 'registered again with p_is_invariant => false'),
    ('InvariantDropped', 'not needed') $$,
    'and so is that one was dropped'
);

select * from finish();
rollback;
