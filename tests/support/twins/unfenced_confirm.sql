-- Confirmations that are accepted whatever their epoch: a worker that was asleep moves
-- a partition that is another one's now.

do $do$
declare
    v_source constant text := pg_get_functiondef(
        'evident._lock_lease(text, integer, bigint)'::regprocedure
    );
    v_broken constant text := replace(
        v_source, 'or v_lease.epoch <> p_epoch', 'or p_epoch is null'
    );
begin
    assert v_broken <> v_source, 'the epoch is not where this twin looks for it';
    execute v_broken;
end;
$do$;
