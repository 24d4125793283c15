-- Plans as the statistics say, which may be those of a table that was small then.

alter function evident._seal_step(bigint) reset enable_seqscan;
alter function evident._record_guard_changes() reset enable_seqscan;
alter function evident._verify_leaves(bigint, bigint) reset enable_seqscan;
alter function evident._verify_heads(bigint, bigint) reset enable_seqscan;
alter function evident._tile_hashes(integer, bigint, integer) reset enable_seqscan;
alter function evident._leaf_index(bigint, bigint) reset enable_seqscan;
