-- evident._fold_settings: the settings that folds run under.
--
-- A cast, to_char, an operator or the text of a key may depend on settings, and a
-- replay must give what the append gave: so whatever runs a fold, or asks for the keys
-- of an event, pins all of these (_as_projector, _ask_projector, and whatever is made
-- with _sql_is_pinned or _sql_set_clauses). They are those that any login may set in
-- PostgreSQL 15 to 18 and that change, as their documentation says, what a value is
-- written as or read as, or what an expression means; a test puts every other setting
-- into a class of its own. The values are the same everywhere: rows depend on events,
-- and not on a database.
--
-- Not here: what a login cannot set for itself (lc_messages, and
-- plpgsql.variable_conflict), and settings of extensions.
--
-- alike is a value that means the same: a session that has it needs no other.
-- timezone_abbreviations reads a file whenever it is set: it is set only where it
-- differs.

create or replace function evident._fold_settings()
returns table (name text, value text, alike text)
language sql
immutable
parallel safe
rows 19
begin atomic
    select
        s.name,
        s.value,
        coalesce(s.alike, s.value)
    from (
        values
        ('datestyle', 'ISO, MDY', null),
        ('intervalstyle', 'postgres', null),
        ('timezone', 'UTC', 'Etc/UTC'),
        ('timezone_abbreviations', 'Default', null),
        ('extra_float_digits', '1', '3'),
        ('bytea_output', 'hex', null),
        ('lc_monetary', 'C', 'C.UTF-8'),
        ('lc_numeric', 'C', 'C.UTF-8'),
        ('lc_time', 'C', 'C.UTF-8'),
        ('default_text_search_config', 'pg_catalog.english', null),
        ('xmlbinary', 'base64', null),
        ('xmloption', 'content', null),
        ('array_nulls', 'on', null),
        ('quote_all_identifiers', 'off', null),
        ('standard_conforming_strings', 'on', null),
        ('backslash_quote', 'safe_encoding', null),
        ('transform_null_equals', 'off', null),
        ('plpgsql.check_asserts', 'on', null),
        ('plpgsql.extra_errors', 'none', null)
    ) as s (name, value, alike);
end;

comment on function evident._fold_settings() is
'The settings that folds run under: name, value, and a value that means the same.';

revoke all on function evident._fold_settings() from public;
