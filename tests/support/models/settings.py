"""Folds whose rows depend on a setting, and what each setting of a login is for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pinned:
    """A setting that folds pin: another value, and SQL of an event `e` that tells."""

    name: str
    other: str
    tells: str
    needs_xml: bool = False
    needs_locale: bool = False


def _tried(statement: str) -> str:
    """Give SQL for what a statement in a text gives, parsed when it runs."""
    return f"told.tell({statement})"


# `told.tell` runs a statement; `told.asserts` and `told.first` tell what PL/pgSQL
# checks.
TELL = """
create schema told authorization evident_projector;
set role evident_projector;
create function told.tell(p_sql text) returns text language plpgsql stable as $$
declare
    v_told text;
begin
    execute p_sql into v_told;
    return v_told;
exception when data_exception or syntax_error_or_access_rule_violation then
    return 'refused';
end $$;
create function told.asserts() returns text language plpgsql stable as $$
begin
    assert false;
    return 'passed';
exception when assert_failure then
    return 'stopped';
end $$;
create function told.first() returns text language plpgsql stable as $$
declare
    v_first text;
begin
    select v.word into v_first from (values ('a'), ('b')) as v (word);
    return v_first;
exception when too_many_rows then
    return 'refused';
end $$;
reset role;
"""
_AT = "(e.payload ->> 'at')::timestamptz"
PINNED = [
    Pinned("datestyle", "German", "(e.payload ->> 'day')::date::text"),
    Pinned("intervalstyle", "iso_8601", "(e.payload ->> 'span')::interval::text"),
    Pinned("timezone", "Asia/Tokyo", f"{_AT}::text"),
    Pinned(
        "timezone_abbreviations",
        "Australia",
        "((e.payload ->> 'east')::timestamptz at time zone 'UTC')::text",
    ),
    Pinned("extra_float_digits", "-10", "(e.payload ->> 'float')::float8::text"),
    Pinned("bytea_output", "escape", "convert_to(e.payload ->> 'word', 'UTF8')::text"),
    Pinned(
        "lc_monetary",
        "de_DE.UTF-8",
        "(e.payload ->> 'number')::numeric::money::text",
        needs_locale=True,
    ),
    Pinned(
        "lc_numeric",
        "de_DE.UTF-8",
        "to_char((e.payload ->> 'number')::numeric, '9G999D99')",
        needs_locale=True,
    ),
    Pinned(
        "lc_time",
        "de_DE.UTF-8",
        "to_char((e.payload ->> 'day')::date, 'TMMonth')",
        needs_locale=True,
    ),
    Pinned(
        "default_text_search_config",
        "pg_catalog.simple",
        "to_tsvector(e.payload ->> 'words')::text",
    ),
    Pinned(
        "xmlbinary",
        "hex",
        "xmlelement(name a, convert_to(e.payload ->> 'word', 'UTF8'))::text",
        needs_xml=True,
    ),
    Pinned(
        "xmloption",
        "document",
        _tried("format('select %L::xml::text', e.payload ->> 'xml')"),
        needs_xml=True,
    ),
    Pinned("array_nulls", "off", "((e.payload ->> 'list')::text[])[1] is null::text"),
    Pinned("quote_all_identifiers", "on", "quote_ident(e.payload ->> 'name')"),
    Pinned(
        "standard_conforming_strings",
        "off",
        _tried("format($$select length('%s')$$, e.payload ->> 'escaped')"),
    ),
    Pinned(
        "transform_null_equals",
        "on",
        _tried("$$select coalesce((1 = null)::text, 'unknown')$$"),
    ),
    Pinned(
        "backslash_quote",
        "off",
        _tried("format($$select E'%s'$$, e.payload ->> 'quoted')"),
    ),
    Pinned("plpgsql.check_asserts", "off", "told.asserts()"),
    Pinned("plpgsql.extra_errors", "too_many_rows", "told.first()"),
]
PAYLOAD = {
    "day": "02/03/2024",
    "span": "26:30:00",
    "at": "2024-05-31T23:30:00Z",
    "east": "2024-01-01 00:00:00 EST",
    "float": "0.1234567890123456789",
    "word": "h\u00e9",
    "number": "1234.5",
    "words": "the running dogs",
    "xml": "a<b/>",
    "list": "{NULL,a}",
    "name": "plain",
    "escaped": "a\\\\b",
    "quoted": "\\'",
}

# Every other setting that a login may change, by why it needs no pin.
OTHERS = {
    "how a statement is planned, and with how much memory": """
        constraint_exclusion cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost
        cursor_tuple_fraction debug_parallel_query default_statistics_target
        effective_cache_size effective_io_concurrency enable_async_append
        enable_bitmapscan enable_distinct_reordering enable_gathermerge
        enable_group_by_reordering enable_hashagg enable_hashjoin
        enable_incremental_sort enable_indexonlyscan enable_indexscan enable_material
        enable_memoize enable_mergejoin enable_nestloop enable_parallel_append
        enable_parallel_hash enable_partition_pruning enable_partitionwise_aggregate
        enable_partitionwise_join enable_presorted_aggregate
        enable_self_join_elimination enable_seqscan enable_sort enable_tidscan
        force_parallel_mode from_collapse_limit geqo geqo_effort geqo_generations
        geqo_pool_size geqo_seed geqo_selection_bias geqo_threshold
        gin_fuzzy_search_limit gin_pending_list_limit hash_mem_multiplier
        io_combine_limit jit jit_above_cost jit_expressions jit_inline_above_cost
        jit_optimize_above_cost jit_tuple_deforming join_collapse_limit
        logical_decoding_work_mem maintenance_io_concurrency maintenance_work_mem
        max_parallel_maintenance_workers max_parallel_workers
        max_parallel_workers_per_gather min_parallel_index_scan_size
        min_parallel_table_scan_size parallel_leader_participation
        parallel_setup_cost parallel_tuple_cost plan_cache_mode random_page_cost
        recursive_worktable_factor seq_page_cost stats_fetch_consistency
        synchronize_seqscans temp_buffers work_mem
    """,
    "how transactions, waits and sessions behave and end": """
        default_transaction_deferrable default_transaction_isolation
        default_transaction_read_only idle_in_transaction_session_timeout
        idle_session_timeout lock_timeout statement_timeout synchronous_commit
        transaction_deferrable transaction_isolation transaction_read_only
        transaction_timeout commit_siblings exit_on_error
    """,
    "what is said, sent and logged": """
        application_name client_connection_check_interval client_encoding
        client_min_messages debug_pretty_print debug_print_parse debug_print_plan
        debug_print_raw_parse debug_print_rewritten escape_string_warning
        log_parameter_max_length_on_error md5_password_warnings
        plpgsql.extra_warnings plpgsql.print_strict_params tcp_keepalives_count
        tcp_keepalives_idle tcp_keepalives_interval tcp_user_timeout trace_notify
        trace_sort wal_sender_timeout debug_logical_replication_streaming
        ssl_renegotiation_limit
    """,
    "how objects and files are made and kept": """
        backend_flush_after check_function_bodies createrole_self_grant
        default_table_access_method default_tablespace default_toast_compression
        file_copy_method icu_validation_level local_preload_libraries
        password_encryption scram_iterations temp_tablespaces
        vacuum_buffer_usage_limit vacuum_cost_delay vacuum_cost_limit
        vacuum_cost_page_dirty vacuum_cost_page_hit vacuum_cost_page_miss
        vacuum_failsafe_age vacuum_freeze_min_age vacuum_freeze_table_age
        vacuum_max_eager_freeze_failure_rate vacuum_multixact_failsafe_age
        vacuum_multixact_freeze_min_age vacuum_multixact_freeze_table_age
        vacuum_truncate wal_skip_threshold
    """,
    "only makes a statement fail": "restrict_nonsystem_relation_kind",
    "pinned by every function of the store": "search_path row_security",
}


def classified() -> set[str]:
    """Name every setting that is pinned, or has a reason not to be."""
    others = {name for names in OTHERS.values() for name in names.split()}
    return others | {each.name for each in PINNED}
