-- Partitions whose rows keep their number: every version that an old snapshot keeps has
-- the same key, and each look walks over them.

select pg_temp.spoil(
    'evident.claim_events(text, text, bigint, interval)',
    'number = nextval(''evident.consumer_number_seq'')',
    'number = p.number'
);
select pg_temp.spoil(
    'evident.confirm_events(text, bigint, bigint, bigint)',
    'number = nextval(''evident.consumer_number_seq'')',
    'number = p.number'
);
