begin;
select plan(51);
\ir ../helpers/refusal.psql
\ir ../helpers/documents.psql
\ir ../helpers/projections.psql

set local role evident_projector;

-- Gives a table a fold of the right form.
create function pg_temp.make_fold(
    p_model text,
    p_name text default null,
    p_attributes text default 'immutable'
)
returns void
language plpgsql
as $function$
begin
    execute format(
        'create function %s(p_row %s, p_event evident.event_store) returns %2$s'
        ' language plpgsql %s as $$ begin return p_row; end; $$',
        coalesce(p_name, 'probe.apply'), p_model, p_attributes
    );
end;
$function$;

create view probe.glance as select null::uuid as id;
select pg_temp.make_fold('probe.glance');
create unlogged table probe.unlogged (id uuid primary key);
select pg_temp.make_fold('probe.unlogged');
create table probe.a_name_of_more_than_40_bytes_with_schema (id uuid primary key);
select pg_temp.make_fold('probe.a_name_of_more_than_40_bytes_with_schema');
create table probe.a_name_of_40_bytes_with_its_schema_too (id uuid primary key);
alter table probe.a_name_of_40_bytes_with_its_schema_too
rename to a_name_of_40_bytes_with_its_schema;
select pg_temp.make_fold('probe.a_name_of_40_bytes_with_its_schema');
create table probe.keyless (id uuid);
select pg_temp.make_fold('probe.keyless');
create table probe.pair (id uuid, other uuid, primary key (id, other));
select pg_temp.make_fold('probe.pair');
create table probe.identified (
    id uuid primary key, number integer generated always as identity
);
select pg_temp.make_fold('probe.identified');
create table probe.generated (
    id uuid primary key, text text generated always as (id::text) stored
);
select pg_temp.make_fold('probe.generated');
create table probe.strange (id uuid primary key);
select pg_temp.make_fold('probe.strange');
create table probe.open (id uuid primary key, number integer);
select pg_temp.make_fold('probe.open');
create table probe.half_open (id uuid primary key, number integer);
select pg_temp.make_fold('probe.half_open');
create table probe.shown (id uuid primary key);
select pg_temp.make_fold('probe.shown');
select pg_temp.make_fold('probe.note', 'probe.volatile', 'volatile');
select pg_temp.make_fold('probe.note', 'probe.strange');
select pg_temp.make_fold('probe.note', 'probe.stable', 'stable');

-- Not quite folds.
create function probe.swapped(p_event evident.event_store, p_row probe.note)
returns probe.note
language sql
immutable
return p_row;
create function probe.many(p_row probe.note, p_event evident.event_store)
returns setof probe.note
language sql
immutable
begin atomic
    select p_row.*;
end;
create function probe.three(
    p_row probe.note, p_event evident.event_store, p_more integer default 0
)
returns probe.note
language sql
immutable
return p_row;
create function probe.other_row(p_row probe.note, p_event evident.event_store)
returns probe.label
language sql
immutable
return null::probe.label;
create function probe.whole_step(
    p_state probe.note, p_row probe.note, p_event evident.event_store
)
returns probe.note
language sql
immutable
return p_row;
create aggregate probe.whole(probe.note, evident.event_store) (
    sfunc = probe.whole_step, stype = probe.note
);
create procedure probe.deed(p_row probe.note, p_event evident.event_store)
language sql
begin atomic
    select 1;
end;

-- Functions that tell keys, and some that do not.
create function probe.strange_labels(p_event evident.event_store)
returns setof text
language sql
immutable
return 'x';
create function probe.volatile_labels(p_event evident.event_store)
returns setof text
language sql
volatile
return 'x';
create function probe.numbers(p_event evident.event_store)
returns setof integer
language sql
immutable
return 1;
create function probe.label_list(p_event evident.event_store)
returns text[]
language sql
immutable
return '{x}'::text[];
create function probe.labels_of(p_event jsonb)
returns setof text
language sql
immutable
return 'x';
create function probe.two_labels(p_event evident.event_store, p_more text)
returns text
language sql
immutable
return 'x';
create function probe.one_label(p_event evident.event_store)
returns text
language sql
stable
return 'x';

grant insert on table probe.open to evident_operator;
grant update (number) on table probe.half_open to public;
create table probe.named (id uuid primary key);
select pg_temp.make_fold('probe.named');
grant references (id) on table probe.named to evident_reader;
create table probe.parent (id uuid primary key);
select pg_temp.make_fold('probe.parent');
create table probe.child (id uuid primary key references probe.parent);
select pg_temp.make_fold('probe.child');
create table probe.pieces (id uuid primary key) partition by hash (id);
create table probe.piece partition of probe.pieces
for values with (modulus 1, remainder 0);
select pg_temp.make_fold('probe.pieces');
create table probe.other (piece uuid references probe.piece on delete cascade);
grant select on table probe.shown to public;

create function probe.definer(p_row probe.note, p_event evident.event_store)
returns probe.note
language sql
immutable
security definer
return p_row;
create table probe.waiting (id uuid primary key);
select pg_temp.make_fold('probe.waiting');
create function probe.wait()
returns trigger
language plpgsql
as $$ begin return null; end $$;
create constraint trigger waits after insert on probe.waiting
deferrable for each row execute function probe.wait();
reset role;
create schema let_in authorization evident_projector;
create table let_in.door (id uuid primary key);
alter table let_in.door owner to evident_projector;
grant usage on schema let_in to evident_operator;
grant create on schema let_in to evident_writer;
select pg_temp.make_fold('let_in.door', 'probe.apply');
alter function probe.apply(let_in.door, evident.event_store)
owner to evident_projector;
create table evident.inside (id uuid primary key);
select pg_temp.make_fold('evident.inside', 'evident.apply_inside');
select evident.create_projection(
    'probe.shown', 'probe.apply(probe.shown, evident.event_store)', '{Never}'
);
create temporary table fleeting (id uuid primary key);
alter table fleeting owner to evident_projector;
select pg_temp.make_fold('fleeting', 'probe.apply');
alter table probe.strange owner to evident_writer;
alter function probe.strange(probe.note, evident.event_store) owner to evident_writer;
alter function probe.strange_labels(evident.event_store) owner to evident_operator;

create schema shut;
create table shut.door (id uuid primary key);
alter table shut.door owner to evident_projector;
grant usage on schema shut to evident_projector, evident_operator;
select pg_temp.make_fold('shut.door', 'probe.apply');
alter function probe.apply(shut.door, evident.event_store) owner to evident_projector;
alter function probe.apply(fleeting, evident.event_store) owner to evident_projector;

-- The registration of probe.note, with other things in place of its own.
create function pg_temp.attempt(
    p_model text default 'probe.note',
    p_apply text default null,
    p_types text[] default '{Noted}',
    p_mode text default 'sync',
    p_keys text default null,
    p_is_invariant boolean default null
)
returns text
language sql
volatile
return evident.create_projection(
    p_model::regclass,
    case
        when p_apply like '%(%' then p_apply
        else format(
            '%s(%s, evident.event_store)',
            coalesce(
                p_apply,
                case
                    when p_model in ('probe.note', 'probe.label')
                        then replace(p_model, '.', '.apply_')
                    else 'probe.apply'
                end
            ),
            p_model
        )
    end::regprocedure,
    p_types,
    p_mode,
    (p_keys || '(evident.event_store)')::regprocedure,
    p_is_invariant
);

set local role evident_operator;

select is(
    pg_temp.refusal(format('select pg_temp.attempt(%s)', c.arguments)),
    jsonb_build_object(
        'code', 'PT400',
        'message', format('invalid argument %s: %s', c.argument, c.reason),
        'detail', jsonb_build_object('argument', c.argument, 'reason', c.reason),
        'hint', c.hint
    ),
    c.description || ' is refused'
)
from (
    values
    (
        $$ 'probe.glance' $$, 'p_read_model', 'not a table that lasts',
        'make the read model a table, neither temporary nor unlogged', 'a view'
    ),
    (
        $$ 'probe.unlogged' $$, 'p_read_model', 'not a table that lasts',
        'make the read model a table, neither temporary nor unlogged',
        'an unlogged table'
    ),
    (
        $$ 'fleeting' $$, 'p_read_model', 'not a table that lasts',
        'make the read model a table, neither temporary nor unlogged',
        'a temporary table'
    ),
    (
        $$ 'evident.inside', 'evident.apply_inside' $$, 'p_read_model',
        'in schema evident', 'give read models a schema of their own',
        'a table in schema evident'
    ),
    (
        $$ 'probe.a_name_of_more_than_40_bytes_with_schema' $$, 'p_read_model',
        'the name is longer than 40 bytes',
        'what is made for it is named after it; choose a shorter name',
        'a name of more than 40 bytes'
    ),
    (
        $$ 'probe.keyless' $$, 'p_read_model', 'no primary key of one column',
        'the primary key of a read model is the key of its projection',
        'a table without a primary key'
    ),
    (
        $$ 'probe.pair' $$, 'p_read_model', 'no primary key of one column',
        'the primary key of a read model is the key of its projection',
        'a primary key of two columns'
    ),
    (
        $$ 'probe.label' $$, 'p_read_model',
        'the key is not a uuid, as aggregates are',
        'name a function that tells the keys: p_keys',
        'a key that cannot be an aggregate, without p_keys,'
    ),
    (
        $$ 'probe.identified' $$, 'p_read_model', 'column number fills itself',
        'a fold sets every column: no identity, no generated column',
        'an identity column'
    ),
    (
        $$ 'probe.generated' $$, 'p_read_model', 'column text fills itself',
        'a fold sets every column: no identity, no generated column',
        'a generated column'
    ),
    (
        $$ 'probe.strange' $$, 'p_read_model',
        'probe.strange belongs to evident_writer',
        'alter table probe.strange owner to evident_projector',
        'a table of somebody else'
    ),
    (
        $$ p_apply => 'probe.strange' $$, 'p_apply',
        'probe.strange(probe.note,evident.event_store) belongs to evident_writer',
        'alter routine probe.strange(probe.note,evident.event_store) owner to '
        'evident_projector',
        'a fold of somebody else'
    ),
    (
        $$ p_keys => 'probe.strange_labels' $$, 'p_keys',
        'probe.strange_labels(evident.event_store) belongs to evident_operator',
        'alter routine probe.strange_labels(evident.event_store) owner to '
        'evident_projector',
        'p_keys of somebody else'
    ),
    (
        $$ 'probe.open' $$, 'p_read_model', 'evident_operator may INSERT',
        'only the store writes a read model: revoke that',
        'a table that others may write'
    ),
    (
        $$ 'probe.half_open' $$, 'p_read_model', 'public may UPDATE',
        'only the store writes a read model: revoke that',
        'a table of which others may write one column'
    ),
    (
        $$ p_apply => 'probe.definer' $$, 'p_apply',
        'probe.definer(probe.note,evident.event_store) is security definer',
        'alter routine probe.definer(probe.note,evident.event_store) '
        'security invoker',
        'a fold that is security definer'
    ),
    (
        $$ p_apply => 'evident."step_probe.shown"(probe.shown, evident.event_store)' $$,
        'p_apply', 'in schema evident',
        'name the function that was written for the read model',
        'a function that was made for a projection'
    ),
    (
        $$ p_keys => 'evident.leaf_hash' $$, 'p_keys', 'in schema evident',
        'name the function that was written for the read model',
        'a function of the store as the keys'
    ),
    (
        $$ 'probe.named' $$, 'p_read_model', 'evident_reader may REFERENCES',
        'only the store writes a read model: revoke that',
        'a table to whose rows others may hang theirs'
    ),
    (
        $$ 'probe.parent' $$, 'p_read_model',
        'foreign key child_id_fkey of probe.child references probe.parent',
        'alter table probe.child drop constraint child_id_fkey: rows of a read model '
        'come and go with its events alone, also in a rebuild',
        'a table to whose rows others hang'
    ),
    (
        $$ 'probe.child' $$, 'p_read_model',
        'foreign key child_id_fkey of probe.child references probe.parent',
        'alter table probe.child drop constraint child_id_fkey: rows of a read model '
        'come and go with its events alone, also in a rebuild',
        'a table whose rows hang on others'
    ),
    (
        $$ 'probe.pieces' $$, 'p_read_model',
        'foreign key other_piece_fkey of probe.other references probe.piece',
        'alter table probe.other drop constraint other_piece_fkey: rows of a read '
        'model come and go with its events alone, also in a rebuild',
        'a table to the rows of whose partition others hang'
    ),
    (
        $$ p_mode => 'async', p_is_invariant => true $$, 'p_is_invariant',
        'async: no append waits for its answer',
        'an invariant is synchronous: p_mode => ''sync''',
        'an asynchronous invariant'
    ),
    (
        $$ 'shut.door' $$, 'p_read_model', 'schema shut belongs to postgres',
        'create schema ... authorization evident_projector, or alter schema shut owner '
        'to evident_projector',
        'a schema of somebody else'
    ),
    (
        $$ 'let_in.door' $$, 'p_read_model',
        'evident_writer may create in schema let_in',
        'revoke create on schema let_in from evident_writer',
        'a schema in which others may create'
    ),
    (
        $$ 'probe.waiting' $$, 'p_read_model', 'trigger waits waits for the commit',
        'make it not deferrable, or drop it',
        'a trigger that waits for the commit'
    ),
    (
        $$ p_apply => 'probe.apply_label(probe.label, evident.event_store)' $$,
        'p_apply',
        'not a function (probe.note, evident.event_store) returns probe.note',
        'the fold step takes the row so far and an event, and gives the next row',
        'the fold of another table'
    ),
    (
        $$ p_apply => 'probe.swapped(evident.event_store, probe.note)' $$,
        'p_apply',
        'not a function (probe.note, evident.event_store) returns probe.note',
        'the fold step takes the row so far and an event, and gives the next row',
        'a fold that takes the event first'
    ),
    (
        $$ p_apply => 'probe.many' $$,
        'p_apply',
        'not a function (probe.note, evident.event_store) returns probe.note',
        'the fold step takes the row so far and an event, and gives the next row',
        'a fold that gives a set of rows'
    ),
    (
        $$ p_apply => 'probe.three(probe.note, evident.event_store, integer)' $$,
        'p_apply',
        'not a function (probe.note, evident.event_store) returns probe.note',
        'the fold step takes the row so far and an event, and gives the next row',
        'a fold that takes more'
    ),
    (
        $$ p_apply => 'probe.other_row' $$,
        'p_apply',
        'not a function (probe.note, evident.event_store) returns probe.note',
        'the fold step takes the row so far and an event, and gives the next row',
        'a fold that gives another row'
    ),
    (
        $$ p_apply => 'probe.whole' $$,
        'p_apply',
        'not a function (probe.note, evident.event_store) returns probe.note',
        'the fold step takes the row so far and an event, and gives the next row',
        'an aggregate'
    ),
    (
        $$ p_apply => 'probe.deed' $$,
        'p_apply',
        'not a function (probe.note, evident.event_store) returns probe.note',
        'the fold step takes the row so far and an event, and gives the next row',
        'a procedure'
    ),
    (
        $$ p_apply => 'probe.volatile' $$, 'p_apply', 'volatile',
        'a fold is pure, the same whenever it runs: declare it immutable or stable',
        'a volatile fold'
    ),
    (
        $$ p_keys => 'probe.volatile_labels' $$, 'p_keys', 'volatile',
        'a fold is pure, the same whenever it runs: declare it immutable or stable',
        'volatile p_keys'
    ),
    (
        $$ p_keys => 'probe.numbers' $$,
        'p_keys', 'not a function (evident.event_store) that returns text or uuid',
        'it gives the keys that an event touches, none, one or several',
        'p_keys that gives numbers'
    ),
    (
        $$ p_keys => 'probe.label_list' $$,
        'p_keys', 'not a function (evident.event_store) that returns text or uuid',
        'it gives the keys that an event touches, none, one or several',
        'p_keys that gives an array'
    ),
    (
        $$ p_types => '{}' $$,
        'p_event_types', 'empty, or with an element that is null or no type',
        'list types of 1 to 100 characters; null means all',
        'a list of no types'
    ),
    (
        $$ p_types => '{Noted,null}' $$,
        'p_event_types', 'empty, or with an element that is null or no type',
        'list types of 1 to 100 characters; null means all',
        'a null type'
    ),
    (
        $$ p_types => '{""}' $$,
        'p_event_types', 'empty, or with an element that is null or no type',
        'list types of 1 to 100 characters; null means all',
        'an empty type'
    ),
    (
        $$ p_types => array[repeat('x', 101)] $$,
        'p_event_types', 'empty, or with an element that is null or no type',
        'list types of 1 to 100 characters; null means all',
        'a type of more than 100 characters'
    ),
    (
        $$ p_mode => 'later' $$, 'p_mode', '''later''',
        'choose ''sync'' (in the append''s transaction) or ''async''',
        'an unknown mode'
    ),
    (
        $$ p_mode => null $$, 'p_mode', 'null',
        'choose ''sync'' (in the append''s transaction) or ''async''',
        'no mode'
    )
) as c (arguments, argument, reason, hint, description);

select is(
    pg_temp.refusal(
        format(
            $$ select evident.create_projection(
                'probe.note', 'probe.apply_note(probe.note, evident.event_store)', null,
                'sync', %L
            ) $$,
            c.keys
        )
    ) #>> '{detail,argument}',
    'p_keys',
    c.description || ' is refused'
)
from (
    values
    ('probe.labels_of(jsonb)', 'p_keys that takes no event'),
    ('probe.two_labels(evident.event_store, text)', 'p_keys that takes more')
) as c (keys, description);
select is(
    pg_temp.refusal(
        $$ select pg_temp.attempt('probe.strange', null, '{}', 'later') $$
    ) #>> '{detail,argument}',
    'p_read_model',
    'of several reasons the first is told'
);

select is(
    pg_temp.refusal(format('select pg_temp.attempt(%s)', c.arguments)),
    null,
    c.description || ' is accepted'
)
from (
    values
    ($$ 'probe.a_name_of_40_bytes_with_its_schema' $$, 'a name of 40 bytes'),
    ($$ 'probe.shown' $$, 'a table that all may read'),
    (
        $$ 'probe.note', 'probe.stable', array[repeat('x', 100)] $$,
        'a stable fold, and a type of 100 characters'
    ),
    (
        $$ 'probe.label', p_keys => 'probe.one_label', p_types => null $$,
        'a function that tells one key'
    )
) as c (arguments, description);
select is(
    octet_length('probe.a_name_of_40_bytes_with_its_schema'),
    40,
    'which is 40 bytes'
);

select * from finish();
rollback;
