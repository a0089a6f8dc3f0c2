-- What the relay writes down, and the system views that show it as Redshift does.

create table pg_internal.table_attribute (
    table_id oid primary key,
    diststyle text,
    distkey text,
    sortkeys text[] not null default '{}',
    is_interleaved boolean not null default false
);
create table pg_internal.late_binding_view (
    view_id oid primary key,
    definition text not null
);
create unlogged table pg_internal.query (
    query_id integer primary key,
    user_name text not null,
    label text not null,
    pid integer not null,
    query_type text not null,
    query_text text not null,
    written text[] not null,
    started_at timestamp not null,
    ended_at timestamp not null,
    rows bigint not null,
    error text
);
create unlogged table pg_internal.load (
    query_id integer primary key,
    user_name text not null,
    pid integer not null,
    table_id oid not null,
    table_name text not null,
    status text not null,
    started_at timestamp not null,
    ended_at timestamp not null,
    source text not null,
    file_format text not null,
    files integer not null,
    rows bigint not null,
    bytes bigint not null,
    errors bigint not null,
    message text not null
);
create unlogged table pg_internal.load_file (
    query_id integer not null,
    name text not null,
    lines bigint not null,
    errors bigint not null,
    bytes bigint not null,
    ended_at timestamp not null
);
create unlogged table pg_internal.load_error (
    query_id integer not null,
    user_name text not null,
    pid integer not null,
    table_id oid not null,
    started_at timestamp not null,
    file_name text not null,
    line_number bigint not null,
    column_name text not null,
    column_type text not null,
    column_length text not null,
    position integer not null,
    raw_line text not null,
    raw_value text not null,
    error_code integer not null,
    error_message text not null
);
create index on pg_internal.load_error (query_id);
create unlogged table pg_internal.unload (
    query_id integer not null,
    user_name text not null,
    pid integer not null,
    url text not null,
    rows bigint not null,
    bytes bigint not null,
    file_format text not null,
    started_at timestamp not null,
    ended_at timestamp not null
);

-- Written in the user's own transaction, so that they vanish with it.
create function pg_internal.note_table(
    relation text, diststyle text, distkey text, sortkeys text[], interleaved boolean
) returns void language sql security definer as
$$
    insert into pg_internal.table_attribute values (
        to_regclass($1)::oid, $2, $3, coalesce($4, '{}'), coalesce($5, false)
    )
    on conflict (table_id) do update set
        diststyle = coalesce(excluded.diststyle, table_attribute.diststyle),
        distkey = coalesce(excluded.distkey, table_attribute.distkey),
        sortkeys = coalesce($4, table_attribute.sortkeys),
        is_interleaved = coalesce($5, table_attribute.is_interleaved)
$$;
create function pg_internal.note_late_binding_view(relation text, definition text)
    returns void language sql security definer as
$$
    insert into pg_internal.late_binding_view
    values (to_regclass($1)::oid, $2)
    on conflict (view_id) do update set definition = excluded.definition
$$;
create function pg_internal.forget_late_binding_view(relation text)
    returns void language sql security definer as
$$
    delete from pg_internal.late_binding_view where view_id = to_regclass($1)::oid
$$;

create function pg_internal.fail() returns void language plpgsql as
$$ begin raise exception 'refused by the relay'; end $$;

create function pg_internal.row_count(relation oid) returns bigint
    language plpgsql stable as
$$
declare
    counted bigint;
begin
    execute 'select count(*) from ' || relation::regclass into counted;
    return counted;
exception when insufficient_privilege then
    return 0;
end
$$;
create function pg_internal.user_id(text) returns integer language sql stable as
$$ select oid::integer from pg_roles where rolname = $1 $$;
create function pg_internal.identity_type(oid) returns text language sql stable as
$$
    select case
        when $1 = 0 then 'public'
        when (select rolcanlogin from pg_roles where oid = $1) then 'user'
        when exists (
            select from pg_db_role_setting
            where setrole = $1
                and 'redshift.identity_type=role' = any(setconfig)
        ) then 'role'
        else 'group'
    end
$$;
create view pg_internal.user_relation as
select
    pg_class.oid,
    current_database()::text as database_name,
    pg_namespace.nspname::text as schema_name,
    pg_class.relname::text as table_name,
    case
        when late_binding_view.view_id is not null then 'LATE BINDING VIEW'
        when pg_class.relkind = 'm' then 'MATERIALIZED VIEW'
        when pg_class.relkind = 'v' then 'REGULAR VIEW'
        else 'REGULAR TABLE'
    end as subtype,
    pg_class.relkind in ('r', 'p') as is_table,
    pg_get_userbyid(pg_class.relowner)::text as owner,
    pg_class.relacl as acl,
    obj_description(pg_class.oid, 'pg_class') as remarks
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
left join pg_internal.late_binding_view on late_binding_view.view_id = pg_class.oid
where pg_class.relkind in ('r', 'p', 'v', 'm')
    and pg_namespace.nspname not like E'pg\\_%'
    and pg_namespace.nspname <> 'information_schema';

create view pg_internal.late_bound as
select user_relation.schema_name, user_relation.table_name, late_binding_view.definition
from pg_internal.user_relation
join pg_internal.late_binding_view on late_binding_view.view_id = user_relation.oid;

create view pg_catalog.svv_table_info as
select
    user_relation.database_name as "database",
    user_relation.schema_name as "schema",
    user_relation.oid as table_id,
    user_relation.table_name as "table",
    'Y, AUTO(ENCODE)'::text as encoded,
    coalesce(
        case table_attribute.diststyle
            when 'key' then 'KEY(' || table_attribute.distkey || ')'
            else upper(table_attribute.diststyle)
        end,
        'AUTO(ALL)'
    ) as diststyle,
    coalesce(
        case when table_attribute.is_interleaved then 'INTERLEAVED'
            else table_attribute.sortkeys[1] end,
        'AUTO(SORTKEY)'
    ) as sortkey1,
    coalesce((
        select max(atttypmod - 4) from pg_attribute
        where attrelid = user_relation.oid and atttypid = 'varchar'::regtype
            and attnum > 0 and not attisdropped
    ), 0) as max_varchar,
    'az64'::text as sortkey1_enc,
    coalesce(cardinality(table_attribute.sortkeys), 0) as sortkey_num,
    greatest(1, pg_total_relation_size(user_relation.oid) / 1048576) as size,
    0.01::numeric(10, 4) as pct_used,
    0::bigint as empty,
    0::numeric(5, 2) as unsorted,
    0::numeric(5, 2) as stats_off,
    counted.tbl_rows::numeric(38, 0) as tbl_rows,
    null::numeric(19, 2) as skew_sortkey1,
    null::numeric(19, 2) as skew_rows,
    counted.tbl_rows::numeric(38, 0) as estimated_visible_rows,
    null::text as risk_event,
    null::numeric(12, 2) as vacuum_sort_benefit,
    null::timestamp as create_time
from pg_internal.user_relation
cross join lateral (
    select pg_internal.row_count(user_relation.oid) as tbl_rows
) as counted
left join pg_internal.table_attribute on table_attribute.table_id = user_relation.oid
-- Redshift leaves empty tables out of this view.
where user_relation.is_table and counted.tbl_rows > 0;

create view pg_catalog.pg_table_def as
select
    user_relation.schema_name as schemaname,
    user_relation.table_name as tablename,
    pg_attribute.attname::text as "column",
    format_type(pg_attribute.atttypid, pg_attribute.atttypmod) as type,
    'none'::text as encoding,
    coalesce(table_attribute.distkey = pg_attribute.attname, false) as distkey,
    coalesce(
        array_position(table_attribute.sortkeys, pg_attribute.attname::text), 0
    ) as sortkey,
    pg_attribute.attnotnull as "notnull"
from pg_internal.user_relation
join pg_attribute on pg_attribute.attrelid = user_relation.oid
left join pg_internal.table_attribute on table_attribute.table_id = user_relation.oid
where user_relation.is_table and pg_attribute.attnum > 0
    and not pg_attribute.attisdropped
    and user_relation.schema_name = any(current_schemas(false)::text[]);

create view pg_catalog.svv_redshift_tables as
select
    database_name, schema_name, table_name,
    case when is_table then 'TABLE' else 'VIEW' end as table_type,
    acl::text as table_acl,
    remarks,
    owner as table_owner
from pg_internal.user_relation;
create view pg_catalog.svv_redshift_columns as
select
    user_relation.database_name,
    user_relation.schema_name,
    user_relation.table_name,
    pg_attribute.attname::text as column_name,
    row_number() over (
        partition by user_relation.oid order by pg_attribute.attnum
    )::integer as ordinal_position,
    format_type(pg_attribute.atttypid, pg_attribute.atttypmod) as data_type,
    pg_get_expr(pg_attrdef.adbin, pg_attrdef.adrelid) as column_default,
    case when pg_attribute.attnotnull then 'NO' else 'YES' end as is_nullable,
    'none'::text as encoding,
    coalesce(table_attribute.distkey = pg_attribute.attname, false) as distkey,
    coalesce(
        array_position(table_attribute.sortkeys, pg_attribute.attname::text), 0
    ) as sortkey,
    null::text as column_acl,
    col_description(user_relation.oid, pg_attribute.attnum) as remarks
from pg_internal.user_relation
join pg_attribute on pg_attribute.attrelid = user_relation.oid
left join pg_attrdef
    on pg_attrdef.adrelid = pg_attribute.attrelid
    and pg_attrdef.adnum = pg_attribute.attnum
left join pg_internal.table_attribute on table_attribute.table_id = user_relation.oid
where pg_attribute.attnum > 0 and not pg_attribute.attisdropped;
create view pg_catalog.svv_tables as
select table_catalog, table_schema, table_name, table_type, null::text as remarks
from information_schema.tables;
create view pg_catalog.svv_columns as
select
    table_catalog, table_schema, table_name, column_name, ordinal_position,
    column_default, is_nullable, data_type, character_maximum_length,
    numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision,
    null::text as remarks
from information_schema.columns;
create view pg_catalog.svv_all_columns as
select * from pg_catalog.svv_redshift_columns;
create view pg_catalog.svv_all_tables as
select * from pg_catalog.svv_redshift_tables;

create view pg_catalog.svv_relation_privileges as
select
    user_relation.schema_name as namespace_name,
    user_relation.table_name as relation_name,
    granted.privilege_type,
    granted.grantee::integer as identity_id,
    coalesce(pg_roles.rolname::text, 'public') as identity_name,
    pg_internal.identity_type(granted.grantee) as identity_type,
    granted.is_grantable as admin_option
from pg_internal.user_relation
cross join lateral aclexplode(user_relation.acl) as granted
left join pg_roles on pg_roles.oid = granted.grantee
where granted.privilege_type <> 'MAINTAIN';
create view pg_catalog.svv_schema_privileges as
select
    pg_namespace.nspname::text as namespace_name,
    granted.privilege_type,
    granted.grantee::integer as identity_id,
    coalesce(pg_roles.rolname::text, 'public') as identity_name,
    pg_internal.identity_type(granted.grantee) as identity_type,
    granted.is_grantable as admin_option,
    'SCHEMA'::text as privilege_scope
from pg_namespace
cross join lateral aclexplode(pg_namespace.nspacl) as granted
left join pg_roles on pg_roles.oid = granted.grantee
where pg_namespace.nspname not like E'pg\\_%';
create view pg_catalog.svv_user_info as
select
    usename::text as user_name, usesysid::integer as user_id,
    usecreatedb as createdb, usesuper as superuser, false as catalog_update,
    'UNLIMITED'::text as connection_limit, 'RESTRICTED'::text as syslog_access
from pg_user;
create view pg_catalog.svv_roles as
select oid::integer as role_id, rolname::text as role_name, null::text as role_owner
from pg_roles where pg_internal.identity_type(oid) = 'role';

-- No external schemas here: these are empty, with the columns that clients ask for.
create view pg_catalog.svv_external_schemas as
select
    null::integer as esoid, null::smallint as eskind, null::text as schemaname,
    null::integer as esowner, null::text as databasename, null::text as esoptions
where false;
create view pg_catalog.svv_external_tables as
select
    null::text as redshift_database_name, null::text as schemaname,
    null::text as tablename, null::text as tabletype, null::text as location,
    null::text as input_format, null::text as output_format,
    null::text as serialization_lib, null::text as serde_parameters,
    null::integer as compressed, null::text as parameters
where false;
create view pg_catalog.svv_external_columns as
select
    null::text as redshift_database_name, null::text as schemaname,
    null::text as tablename, null::text as columnname, null::text as external_type,
    null::integer as columnnum, null::integer as part_key, null::text as is_nullable
where false;
create view pg_catalog.svv_mv_info as
select
    current_database()::text as database_name, schemaname::text as schema_name,
    pg_get_userbyid(pg_class.relowner)::text as user_name, matviewname::text as name,
    'f'::text as is_stale, matviewowner::text as owner, 1 as state,
    'f'::text as autorefresh, 'f'::text as autorewrite
from pg_matviews
join pg_class on pg_class.relname = matviewname and pg_class.relkind = 'm';
create view pg_catalog.stl_undone as
select null::bigint as xact_id where false;

create view pg_catalog.sys_query_history as
select
    pg_internal.user_id(user_name) as user_id,
    query_id::bigint as query_id,
    label as query_label,
    query_id::bigint as transaction_id,
    pid as session_id,
    current_database()::text as database_name,
    query_type,
    case when error is null then 'success' else 'failed' end as status,
    false as result_cache_hit,
    started_at as start_time,
    ended_at as end_time,
    (extract(epoch from ended_at - started_at) * 1000000)::bigint as elapsed_time,
    0::bigint as queue_time,
    (extract(epoch from ended_at - started_at) * 1000000)::bigint as execution_time,
    error as error_message,
    rows as returned_rows,
    left(query_text, 4000) as query_text
from pg_internal.query;
create view pg_catalog.stl_query as
select
    pg_internal.user_id(user_name) as userid,
    query_id as query,
    label,
    query_id::bigint as xid,
    pid,
    current_database()::text as database,
    left(query_text, 4000) as querytxt,
    started_at as starttime,
    ended_at as endtime,
    case when error is null then 0 else 1 end as aborted,
    0 as insert_pristine,
    0 as concurrency_scaling_status
from pg_internal.query;
create view pg_catalog.svl_qlog as
select
    userid, query, xid, pid, starttime, endtime,
    (extract(epoch from endtime - starttime) * 1000000)::bigint as elapsed,
    aborted, label, left(querytxt, 60) as "substring"
from pg_catalog.stl_query;
create view pg_catalog.sys_query_detail as
select
    pg_internal.user_id(user_name) as user_id,
    query_id::bigint as query_id,
    to_regclass(relation)::oid::integer as table_id,
    'insert'::text as step_name,
    started_at as start_time,
    ended_at as end_time
from pg_internal.query
cross join lateral unnest(written) as relation
where error is null;

create view pg_catalog.sys_load_error_detail as
select
    pg_internal.user_id(user_name) as user_id,
    query_id::bigint as query_id,
    query_id::bigint as transaction_id,
    pid as session_id,
    current_database()::text as database_name,
    table_id::integer as table_id,
    started_at as start_time,
    0 as slice,
    file_name,
    line_number,
    column_name,
    column_type,
    column_length,
    position,
    error_code,
    error_message
from pg_internal.load_error;
create view pg_catalog.stl_load_errors as
select
    pg_internal.user_id(user_name) as userid,
    0 as slice,
    table_id::integer as tbl,
    started_at as starttime,
    pid as session,
    query_id as query,
    file_name as filename,
    line_number,
    column_name as colname,
    column_type as type,
    column_length as col_length,
    position,
    left(raw_line, 1024) as raw_line,
    left(raw_value, 1024) as raw_field_value,
    error_code as err_code,
    left(error_message, 100) as err_reason,
    0 as is_partial,
    0::bigint as start_offset
from pg_internal.load_error;
create view pg_catalog.sys_load_history as
select
    pg_internal.user_id(user_name) as user_id,
    query_id::bigint as query_id,
    query_id::bigint as transaction_id,
    pid as session_id,
    current_database()::text as database_name,
    status,
    table_name,
    started_at as start_time,
    ended_at as end_time,
    (extract(epoch from ended_at - started_at) * 1000000)::bigint as duration,
    source as data_source,
    file_format,
    rows as loaded_rows,
    bytes as loaded_bytes,
    files as source_file_count,
    bytes as source_file_bytes,
    errors as error_count,
    message as error_message
from pg_internal.load;
create view pg_catalog.stl_load_commits as
select
    pg_internal.user_id(load.user_name) as userid,
    query_id as query,
    0 as slice,
    load_file.name as filename,
    load_file.bytes as byte_offset,
    load_file.lines as lines_scanned,
    load_file.errors,
    load_file.ended_at as curtime,
    1 as status,
    load.file_format
from pg_internal.load_file
join pg_internal.load using (query_id);
create view pg_catalog.sys_unload_history as
select
    pg_internal.user_id(user_name) as user_id,
    query_id::bigint as query_id,
    query_id::bigint as transaction_id,
    pid as session_id,
    current_database()::text as database_name,
    'success'::text as status,
    min(started_at) as start_time,
    max(ended_at) as end_time,
    file_format,
    sum(rows)::bigint as unloaded_rows,
    count(*)::bigint as unloaded_files_count,
    sum(bytes)::bigint as unloaded_files_size
from pg_internal.unload
group by 1, 2, 3, 4, 5, 6, 9;
create view pg_catalog.stl_unload_log as
select
    pg_internal.user_id(user_name) as userid,
    query_id as query,
    0 as slice,
    pid,
    url as path,
    started_at as start_time,
    ended_at as end_time,
    rows as line_count,
    bytes as transfer_size,
    file_format
from pg_internal.unload;

grant select on all tables in schema pg_internal to public;
do $do$
declare
    shown record;
begin
    for shown in
        select relname from pg_class
        where relnamespace = 'pg_catalog'::regnamespace and relkind = 'v'
            and relname ~ '^(svv|stl|stv|svl|sys)_|^pg_table_def$'
    loop
        execute format('grant select on pg_catalog.%I to public', shown.relname);
    end loop;
end
$do$;
