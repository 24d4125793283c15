-- evident._sql_refuse_old_snapshot: SQL that refuses to fold with an old snapshot.
--
-- At REPEATABLE READ and above an append sees the read model as it was at its
-- snapshot. A row that a rebuild or a hand-over wrote since is a conflict, but
-- one that came or went is not seen at all. Whoever writes the read model besides
-- the appends also touches the projection's row; to lock that one is an error
-- (40001) when it was touched since the snapshot.
--
-- The read model comes first, as it does in a rebuild: that one waits for the read
-- model alone, and PostgreSQL lets an append pass it where all would wait in a circle.
--
-- Locks: ROW EXCLUSIVE on the read model, then the projection's row (shared)

create or replace function evident._sql_refuse_old_snapshot(
    p_projection evident.projection
)
returns text
language sql
immutable
parallel safe
begin atomic
    select format(
        $sql$
            if current_setting('transaction_isolation')
                in ('repeatable read', 'serializable')
            then
                lock table %1$s in row exclusive mode;
                perform evident._share_projection(%1$L);
            end if;
        $sql$,
        (p_projection).name
    );
end;

comment on function evident._sql_refuse_old_snapshot(evident.projection) is
'SQL for a trigger: 40001 where rows were repaired since the transaction''s snapshot.';

revoke all on function evident._sql_refuse_old_snapshot(evident.projection) from public;
