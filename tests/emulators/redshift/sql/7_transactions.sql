-- Isolation levels, write locks, and what a transaction sees of the system tables.

create view pg_catalog.stv_db_isolation_level as
select
    datname::char(128) as db_name,
    (case
        when 'redshift.isolation_level=serializable' = any(setconfig)
            then 'Serializable'
        else 'Snapshot Isolation'
    end)::char(20) as isolation_level
from pg_database
left join pg_db_role_setting on setdatabase = pg_database.oid and setrole = 0
where datallowconn and not datistemplate and datname <> 'postgres';
create view pg_catalog.pg_database_info as
select
    pg_database.oid as datid,
    datname,
    (case
        when 'redshift.isolation_level=serializable' = any(setconfig)
            then 'concurrency_model=2'
        else 'concurrency_model=1'
    end)::text as datconfig,
    datconnlimit
from pg_database
left join pg_db_role_setting on setdatabase = pg_database.oid and setrole = 0
where datallowconn and not datistemplate and datname <> 'postgres';

create function pg_internal.check_isolation_change(name text) returns void
    language plpgsql security definer as
$$
begin
    if name = 'dev' then
        raise exception 'the isolation level of the database "dev" cannot be altered';
    end if;
    if exists (
        select from pg_stat_activity
        where datname = name and pid <> pg_backend_pid()
            and backend_type = 'client backend' and usename <> 'rdsdb'
    ) then
        raise exception 'database "%" is being accessed by other users', name
            using errcode = 'object_in_use';
    end if;
end
$$;

-- Relations as a statement names them: the oid by the current catalog, and what the
-- transaction's snapshot has of it.
create function pg_internal.describe_relations(names text[])
    returns table (name text, oid oid, is_visible boolean, kind text, can_lock boolean)
    language sql stable as
$$
    select
        relation_name,
        to_regclass(relation_name)::oid,
        pg_class.oid is not null,
        pg_class.relkind::text || pg_class.relpersistence::text,
        pg_class.oid is not null
            and has_table_privilege(pg_class.oid, 'update, delete, truncate')
    from unnest($1) as relation_name
    left join pg_class on pg_class.oid = to_regclass(relation_name)
$$;
-- The tables behind relations: themselves, or the tables that a view reads.
create function pg_internal.base_tables(relations oid[]) returns setof oid
    language sql stable as
$$
    with recursive relation (id) as (
        select unnest($1)
        union
        select refobjid
        from relation
        join pg_rewrite on ev_class = relation.id
        join pg_depend on objid = pg_rewrite.oid
            and classid = 'pg_rewrite'::regclass and refclassid = 'pg_class'::regclass
    )
    select relation.id
    from relation
    join pg_class on pg_class.oid = relation.id
        and relkind in ('r', 'p') and relpersistence <> 't'
    join pg_namespace on pg_namespace.oid = relnamespace
        and nspname not in ('pg_catalog', 'pg_internal', 'information_schema')
$$;
-- Wait for the table's other writers; readers do not wait.
create function pg_internal.lock_for_write(relation text) returns oid
    language plpgsql security definer as
$$
declare
    id regclass := to_regclass(relation);
begin
    if (select relkind in ('r', 'p') from pg_class where oid = id) then
        execute format('lock table %s in share row exclusive mode', id);
    end if;
    return id::oid;
end
$$;

-- The relay writes the history from its own connection. A transaction that has its
-- snapshot reads it through another connection, because it would not see new rows.
create extension dblink with schema pg_internal;
do $do$
declare
    history_table text;
    columns text;
begin
    foreach history_table in array
        array['query', 'load', 'load_file', 'load_error', 'unload']
    loop
        select string_agg(
            format('%I %s', attname, format_type(atttypid, atttypmod)), ', '
            order by attnum
        )
        into columns
        from pg_attribute
        where attrelid = ('pg_internal.' || history_table)::regclass
            and attnum > 0 and not attisdropped;
        execute format(
            $sql$
            create function pg_internal.%1$s_now() returns setof pg_internal.%1$I
                language sql stable security definer as
            $function$
                select * from pg_internal.dblink(
                    'host=' || current_setting('unix_socket_directories')
                        || ' user=rdsdb dbname=' || current_database(),
                    'select * from pg_internal.%1$I'
                ) as history (%2$s)
            $function$;
            create view pg_internal.current_%1$s as
            select * from pg_internal.%1$I
            where current_setting('transaction_isolation') = 'read committed'
            union all
            select * from pg_internal.%1$s_now()
            where current_setting('transaction_isolation') <> 'read committed'
            $sql$,
            history_table,
            columns
        );
    end loop;
end
$do$;
