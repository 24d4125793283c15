-- evident._sql_end_of_fold_block: SQL that ends a block around a fold, for its errors.
--
-- The block is around the fold alone, and writes nothing: such a block takes no
-- transaction id, which on the append path would be dear. What is not the fold's
-- doing passes as it is. All errors of an invariant do: they are its answer to whoever
-- appends.

create or replace function evident._sql_end_of_fold_block(
    p_projection evident.projection
)
returns text
language sql
immutable
parallel safe
begin atomic
    select case when (p_projection).is_invariant then 'end;' else format(
        $sql$
        exception when others then
            get stacked diagnostics
                v_message = message_text,
                v_detail = pg_exception_detail;
            if not evident._is_fold_error(sqlstate) then
                raise;
            end if;
            perform evident._refuse_fold(%L, sqlstate, v_message, v_detail);
        end;
        $sql$,
        (p_projection).name
    ) end;
end;

comment on function evident._sql_end_of_fold_block(evident.projection) is
'SQL for the end of a block: raises a fold''s error with the projection''s name, but an
invariant''s as it is. It uses the variables v_message and v_detail.';

revoke all on function evident._sql_end_of_fold_block(evident.projection) from public;
