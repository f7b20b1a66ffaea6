#!/bin/sh
# Runs once, on an empty database folder: one role that migrates, and one that can add to the log
# and read it, but change nothing in it.
set -eu

psql -v ON_ERROR_STOP=1 --username postgres \
    -v owner="$(cat /run/secrets/owner_password)" \
    -v service="$(cat /run/secrets/service_password)" <<'SQL'
CREATE ROLE portus_owner LOGIN CREATEROLE PASSWORD :'owner';
CREATE ROLE portus_service LOGIN PASSWORD :'service';
GRANT portus_service TO portus_owner;
CREATE DATABASE portus OWNER portus_owner ENCODING 'UTF8' TEMPLATE template0;
SQL
