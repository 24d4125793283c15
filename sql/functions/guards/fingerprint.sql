-- evident.fingerprint: one hash over everything that the package has installed.
--
-- From the catalog as it is now, in schema evident alone: the same in every database
-- with this version of the package on this major version of PostgreSQL, whoever
-- installed it, whatever its projections, before and after a restore. The Python
-- package carries the value to expect.

create or replace function evident.fingerprint()
returns text
language plpgsql
stable
parallel restricted
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
begin
    return (
        select
            encode(
                sha256(
                    convert_to(
                        string_agg(
                            jsonb_build_array(c.kind, c.name, c.state)::text,
                            ' '
                            order by c.kind collate "C", c.name collate "C"
                        ),
                        'UTF8'
                    )
                ),
                'hex'
            )
        from evident._catalog() as c
        where
            c.projection = ''
            and not c.is_free
            and c.kind not in ('role', 'member', 'database', 'setting', 'default grant')
    );
end;
$function$;

comment on function evident.fingerprint() is
'SHA-256 over the catalog of schema evident, in hexadecimal: the same wherever this
version of the package is installed on this major version of PostgreSQL and nothing was
changed. evident status compares it with the one that the package carries.';

revoke all on function evident.fingerprint() from public;
grant execute on function evident.fingerprint() to
evident_operator, evident_auditor, evident_monitor;
