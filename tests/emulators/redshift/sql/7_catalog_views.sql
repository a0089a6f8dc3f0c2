-- Redshift's system views on the catalog.

create view pg_catalog.svv_table_info as
select
    user_relation.database_name as "database",
    user_relation.schema_name as "schema",
    user_relation.oid as table_id,
    user_relation.table_name as "table",
    'Y, AUTO(ENCODE)'::text as encoded,
    coalesce(
        case table_attribute.diststyle
            when 'key' then 'KEY(' || pg_internal.long_name(table_attribute.distkey::name)
                || ')'
            else upper(table_attribute.diststyle)
        end,
        'AUTO(ALL)'
    ) as diststyle,
    coalesce(
        case when table_attribute.is_interleaved then 'INTERLEAVED'
            else pg_internal.long_name(table_attribute.sortkeys[1]::name) end,
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
    case when cardinality(table_attribute.sortkeys) > 0 then 0::numeric(5, 2) end
        as unsorted,
    0::numeric(5, 2) as stats_off,
    row_counts.tbl_rows::numeric(38, 0) as tbl_rows,
    null::numeric(19, 2) as skew_sortkey1,
    null::numeric(19, 2) as skew_rows,
    row_counts.tbl_rows::numeric(38, 0) as estimated_visible_rows,
    null::text as risk_event,
    null::numeric(12, 2) as vacuum_sort_benefit,
    null::timestamp as create_time
from pg_internal.user_relation
cross join lateral (
    -- Only these: another system view may read this one.
    select case
        when user_relation.is_table or user_relation.subtype = 'MATERIALIZED VIEW'
            then pg_internal.row_count(user_relation.storage_id)
    end as tbl_rows
) as row_counts
left join pg_internal.table_attribute
    on table_attribute.table_id = user_relation.storage_id
-- Redshift omits empty tables from this view.
where not user_relation.is_mv_storage and row_counts.tbl_rows > 0;

create view pg_catalog.pg_table_def as
select
    user_relation.schema_name as schemaname,
    user_relation.table_name as tablename,
    pg_internal.long_name(pg_attribute.attname) as "column",
    pg_internal.type_name(pg_attribute.atttypid, pg_attribute.atttypmod) as type,
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
    and user_relation.schema_name in (
        select pg_internal.long_name(name) from unnest(current_schemas(false)) as name
    );

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
    pg_internal.long_name(pg_attribute.attname) as column_name,
    row_number() over (
        partition by user_relation.oid order by pg_attribute.attnum
    )::integer as ordinal_position,
    pg_internal.type_name(pg_attribute.atttypid, pg_attribute.atttypmod) as data_type,
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
from pg_redshift.schema_tables;
create view pg_catalog.svv_columns as
select
    table_catalog, table_schema, table_name, column_name, ordinal_position,
    column_default, is_nullable, data_type, character_maximum_length,
    numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision,
    null::text as interval_type, null::text as interval_precision,
    null::text as domain_name, null::text as remarks
from pg_redshift.schema_columns;
create view pg_catalog.pg_proc_info as
select oid as prooid, pg_proc.* from pg_redshift.pg_proc;
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
    coalesce(pg_internal.long_name(pg_roles.rolname), 'public') as identity_name,
    pg_internal.identity_type(granted.grantee) as identity_type,
    granted.is_grantable as admin_option
from pg_internal.user_relation
cross join lateral aclexplode(user_relation.acl) as granted
left join pg_roles on pg_roles.oid = granted.grantee
where granted.privilege_type <> 'MAINTAIN';
create view pg_catalog.svv_schema_privileges as
select
    pg_internal.long_name(pg_namespace.nspname) as namespace_name,
    granted.privilege_type,
    granted.grantee::integer as identity_id,
    coalesce(pg_internal.long_name(pg_roles.rolname), 'public') as identity_name,
    pg_internal.identity_type(granted.grantee) as identity_type,
    granted.is_grantable as admin_option,
    'SCHEMA'::text as privilege_scope
from pg_namespace
cross join lateral aclexplode(pg_namespace.nspacl) as granted
left join pg_roles on pg_roles.oid = granted.grantee
where pg_namespace.nspname not like E'pg\\_%';
create view pg_catalog.svv_user_info as
select
    pg_internal.long_name(usename) as user_name, usesysid::integer as user_id,
    usecreatedb as createdb, usesuper as superuser, false as catalog_update,
    'UNLIMITED'::text as connection_limit, 'RESTRICTED'::text as syslog_access
from pg_user;
create view pg_catalog.svv_roles as
select oid::integer as role_id, pg_internal.long_name(rolname) as role_name, null::text as role_owner
from pg_roles where pg_internal.identity_type(oid) = 'role';

-- External schemas are not emulated. These views are empty and have the columns that
-- clients select.
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
    database_name, schema_name, owner as user_name, table_name as name,
    case when pg_internal.is_stale(oid) then 't' else 'f' end as is_stale,
    1 as state,
    'f'::text as autorewrite,
    case when is_auto_refreshed then 't' else 'f' end as autorefresh
from pg_internal.user_relation
join pg_internal.materialized_view on view_id = oid;
create view pg_catalog.stv_mv_info as
select
    database_name as db_name, schema_name as "schema", name,
    0::bigint as updated_upto_xid, is_stale, user_name as owner_user_name,
    state, autorewrite, autorefresh
from pg_catalog.svv_mv_info;
create view pg_catalog.stv_mv_deps as
select
    view.database_name as db_name, view.schema_name as "schema",
    view.table_name as name, base.schema_name as ref_schema,
    base.table_name as ref_name, base.database_name as ref_database_name
from pg_internal.materialized_view_base
join pg_internal.user_relation as view on view.oid = view_id
join pg_internal.user_relation as base
    on base.storage_id = base_id and not base.is_mv_storage;
create view pg_catalog.svv_mv_dependency as
select
    db_name as database_name, "schema" as schema_name, name,
    ref_schema as dependent_schema_name, ref_name as dependent_name,
    ref_database_name as dependent_database_name
from pg_catalog.stv_mv_deps;
create view pg_catalog.svl_mv_refresh_status as
select
    database_name as db_name, pg_internal.user_id(user_name) as userid,
    schema_name, table_name as mv_name, 0::bigint as xid,
    started_at as starttime, ended_at as endtime, status,
    'Manual'::text as refresh_type
from pg_internal.materialized_view_refresh
join pg_internal.user_relation on user_relation.oid = view_id;
create view pg_catalog.sys_mv_refresh_history as
select
    userid as user_id, db_name as database_name, schema_name, mv_name,
    xid as transaction_id, starttime as start_time, endtime as end_time, status,
    refresh_type
from pg_catalog.svl_mv_refresh_status;
create view pg_catalog.stl_undone as
select null::bigint as xact_id where false;
