#!/bin/sh
# Install what `make test` needs beside Python: the system's own PostgreSQL with pgTAP,
# plpgsql_check and pg_cron, pg_prove, PgBouncer, openssl, sqlsmith, libfaketime, and a
# browser to draw reports with, from Debian's or Ubuntu's packages.
# Says what to install where it cannot do that itself.
set -eu

if ! command -v apt-get >/dev/null; then
    cat >&2 <<'EOF'
make test needs, beside Python, a PostgreSQL server of major 15, 16 or 17 in
/usr/lib/postgresql/<major>/bin, the SQL file of pgTAP, pg_prove and pgbouncer. On
Debian and Ubuntu it installs them itself; here, please install them, or run the part
that needs Python only: make test MAJORS=18 SUITES=pytest
EOF
    exit 1
fi

# Ubuntu has no browser among its packages, only a snap: the tests do without.
browser() {
    if grep -qs '^ID=debian' /etc/os-release; then
        echo chromium
    fi
}

# Names the packages for the major that this system has, or would install.
packages() {
    major=$(ls /usr/lib/postgresql 2>/dev/null | sort -n | head -n 1)
    if [ -z "$major" ]; then
        major=$(apt-cache depends postgresql 2>/dev/null |
            sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1)
    fi
    echo "postgresql-${major:-15} postgresql-${major:-15}-pgtap" \
        "postgresql-${major:-15}-plpgsql-check postgresql-${major:-15}-cron" \
        "libtap-parser-sourcehandler-pgtap-perl pgbouncer openssl" \
        "sqlsmith libfaketime" \
        "$(browser)"
}

missing() {
    for package in $(packages); do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null |
            grep -q 'ok installed' || echo "$package"
    done
}

if [ -z "$(missing)" ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "make test needs packages of your system; please run" >&2
    echo "    sudo apt-get update && sudo apt-get install --no-install-recommends" \
        $(missing) >&2
    exit 1
fi
apt-get update -qq
# RUNLEVEL=1: install the server's programs, but do not start a cluster with them.
RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $(missing) >/dev/null
