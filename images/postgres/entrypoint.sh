#!/bin/bash
# Make a database in an empty $PGDATA, then become the server.
#
#   POSTGRES_PASSWORD   the password for connections over the network; needed for a new database only
#   POSTGRES_USER       who owns it, `postgres` when not said
#   POSTGRES_DB         its name, that of the owner when not said
#
# POSTGRES_PASSWORD_FILE names a file that holds the password, for Docker's secrets. The files
# /docker-entrypoint-initdb.d/*.sql and *.sh are run once, on a new database, in alphabetical order.
set -eu

die() {
    printf '%s\n' "$@" >&2
    exit 1
}

make_database() {
    local user=${POSTGRES_USER:-postgres} password=${POSTGRES_PASSWORD:-}
    local database=${POSTGRES_DB:-$user}
    # It is made in a folder of its own, so that one that was interrupted is made anew.
    local new=$PGDATA/.new file
    rm -rf "$new"
    [ -z "$(ls -A "$PGDATA")" ] || die \
        "\`$PGDATA\` is not empty, and what is in it is no database." \
        'Mount another volume there, or remove the files.'
    if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
        password=$(< "$POSTGRES_PASSWORD_FILE")
    fi
    [ -n "$password" ] || die "\`$PGDATA\` is empty, and a new database needs a password." \
        'Run the container with `--env POSTGRES_PASSWORD=…`.'

    if [ "$user" = postgres ]; then
        mkdir --mode=0700 "$new"
        tar -C "$new" -xzf /usr/share/postgresql/new.tar.gz
    else
        $INITDB --pgdata="$new" --username="$user"
    fi
    echo "listen_addresses = '*'" >> "$new/postgresql.conf"
    echo 'host all all all scram-sha-256' >> "$new/pg_hba.conf"

    pg_ctl --pgdata="$new" --wait --silent --options="-c listen_addresses=''" start
    password=$password psql --quiet --username="$user" --dbname=template1 --set ON_ERROR_STOP=1 <<'SQL'
\getenv password password
ALTER ROLE CURRENT_USER PASSWORD :'password';
SQL
    if [ "$database" != postgres ]; then
        createdb --username="$user" --maintenance-db=postgres "$database"
    fi
    export PGUSER=$user PGDATABASE=$database
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sql) echo "running $file" && psql --quiet --set ON_ERROR_STOP=1 --file "$file" ;;
            *.sh) echo "running $file" && bash "$file" ;;
        esac
    done
    unset PGUSER PGDATABASE
    pg_ctl --pgdata="$new" --wait --silent --mode=fast stop
    # Last what the next start looks for.
    mv "$new"/[!P]* "$PGDATA" && mv "$new"/PG_VERSION "$PGDATA" && rmdir "$new"
}

case ${1:-} in
    -*) set -- postgres "$@" ;;
esac
if [ "$1" = postgres ]; then
    if [ "$(id -u)" = 0 ]; then
        # A volume or a folder of the host may belong to anybody; PostgreSQL insists on its own. A new
        # one may be open to all, too. Who opens one that has a database is told so by PostgreSQL.
        mkdir -p "$PGDATA"
        find "$PGDATA" \! -user postgres -exec chown postgres {} +
        [ -s "$PGDATA/PG_VERSION" ] || chmod 0700 "$PGDATA"
        exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
    fi
    [ -r "$PGDATA" ] || die \
        "User $(id -u) may not read \`$PGDATA\`: it belongs to $(stat -c %U "$PGDATA")." \
        'Run the container without `--user`.'
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        # Number 1 has to make provision for the signals that it wants to end by.
        trap 'exit 1' INT TERM
        make_database
    fi
fi
exec "$@"
