-- Functions about the session.

create function pg_internal.version() returns text language sql immutable as
$$
    select 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2'
        || ' 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.0 (emulator)'
$$;
-- The relay passes the session's value as the argument.
create function pg_internal.pg_last_copy_id(integer) returns integer
    language sql immutable as $$ select $1 $$;
create function pg_internal.pg_last_copy_count(bigint) returns bigint
    language sql immutable as $$ select $1 $$;
create function pg_internal.pg_last_unload_id(integer) returns integer
    language sql immutable as $$ select $1 $$;
create function pg_internal.pg_last_unload_count(bigint) returns bigint
    language sql immutable as $$ select $1 $$;
create function pg_internal.pg_last_query_id(integer) returns integer
    language sql immutable as $$ select $1 $$;
