-- Confirmations that are accepted whatever their epoch: a worker that was asleep moves
-- a partition that is another one's now.

select pg_temp.spoil(
    'evident._lock_lease(text, bigint, bigint)',
    'or v_lease.epoch <> p_epoch',
    'or p_epoch is null'
);
