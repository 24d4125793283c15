-- evident._sql_fold_event: SQL that folds one event, new, of a synchronous projection.
--
-- The beginning of a function's body, up to where path and settings turned out to be
-- others than those of folds (_sql_is_pinned): then it has done nothing.
--
-- The first version of an aggregate has no row to look for. For others the row is read,
-- folded and written where it was found, which costs less than one statement for all.
-- The last step of a rebuild stops writers of the read model with a lock, so it may
-- change the row after that look. Then the row is no longer there, or another
-- transaction has written it, and this one does not: what follows does the work again,
-- as it does for a row that came or goes. There, reading and writing are one
-- statement, which has its lock on the table before its snapshot; so nothing is ever
-- folded onto a row that a rebuild is about to change.
--
-- Errors of the fold are caught around the fold alone, which costs no transaction id.
--
-- Names of columns come before those of variables: a key may be called v_row, and
-- stands alone in "on conflict".

create or replace function evident._sql_fold_event(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $keep$
        #variable_conflict use_column
        declare
            v_row {table};
            v_found record;
            v_message text;
            v_detail text;
        begin
            if {is_pinned} and {is_folded} then
                if new.version = 1 then
                    v_row.{key} := new.aggregate_id;
                    begin
                        v_row := {step}(v_row, new);
                    {end_of_block}
                    insert into {table} as t ({columns})
                    select {new_row}
                    where v_row.{key} is not null
                    {on_conflict};
                    {return}
                end if;

                select
                    {row}(row(s.*)::{table}) as stored,
                    s.ctid as place,
                    s.xmin as writer
                into v_found
                from {table} as s
                where s.{key} = new.aggregate_id;

                if found then
                    begin
                        v_row := {step}(v_found.stored, new);
                    {end_of_block}
                    update {table} as t
                    set {settings}
                    where
                        t.ctid = v_found.place
                        and t.xmin = v_found.writer
                        and t.{key} = new.aggregate_id
                        and v_row.{key} is not null;
                    if found then
                        {return}
                    end if;
                end if;

                {refuse_old_snapshot}
                insert into {table} as t ({columns})
                select {next_row}
                from (
                    select
                        {next}(
                            coalesce({stored_row}, {blank_row}),
                            new
                        ) as next_row
                    offset 0
                ) as f
                where (f.next_row).{key} is not null
                {on_conflict};

                if not found then
                    delete from {table} as t
                    where t.{key} = new.aggregate_id;
                end if;
                {return}
            end if;
        $keep$,
        jsonb_build_object(
            'table', (p_projection).name,
            'key', format('%I', (p_projection).key_column),
            'is_pinned', evident._sql_is_pinned(),
            'is_folded', evident._sql_is_folded(p_projection, 'new'),
            'row', evident._name_of_object(p_projection, 'row_%s'),
            'step', evident._name_of_object(p_projection, 'step_%s'),
            'next', evident._name_of_object(p_projection, 'next_%s'),
            'end_of_block', evident._sql_end_of_fold_block(p_projection),
            'columns', evident._sql_columns(p_projection, '%1$s'),
            'new_row', evident._sql_columns(
                p_projection, 'v_row.%1$s', 'new.aggregate_id'
            ),
            'next_row', evident._sql_columns(
                p_projection, '(f.next_row).%1$s', 'new.aggregate_id'
            ),
            'settings', coalesce(
                evident._sql_columns(p_projection, '%1$s = v_row.%1$s', ''),
                format('%1$I = t.%1$I', (p_projection).key_column)
            ),
            'on_conflict', evident._sql_on_conflict(p_projection),
            'stored_row', evident._sql_stored_row(p_projection, 'new.aggregate_id'),
            'blank_row', evident._sql_blank_row(p_projection, 'new.aggregate_id'),
            'refuse_old_snapshot', evident._sql_refuse_old_snapshot(p_projection),
            'return', evident._sql_return()
        )
    );
end;

comment on function evident._sql_fold_event(evident.projection) is
'SQL for the beginning of a function that folds the event new, and returns; it goes on
where the settings are not those of folds.';

revoke all on function evident._sql_fold_event(evident.projection) from public;
