-- Redshift's system views on queries, loads and unloads.

-- pg_last_copy_id() and the STL views have other ids than the SYS views, whose ids are
-- those of user queries.
create function pg_internal.user_query_id(integer) returns bigint
    language sql immutable strict as $$ select 5000000000 + $1 $$;

create view pg_catalog.sys_query_history as
select
    pg_internal.user_id(user_name) as user_id,
    pg_internal.user_query_id(query_id) as query_id,
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
from pg_internal.current_query as query;
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
from pg_internal.current_query as query;
create view pg_catalog.stl_connection_log as
select
    event,
    recorded_at as recordtime,
    remote_host as remotehost,
    remote_port as remoteport,
    pid,
    database_name as dbname,
    user_name as username,
    auth_method as authmethod,
    duration_microseconds as duration,
    ssl_version as sslversion,
    ssl_cipher as sslcipher,
    0 as mtu,
    'none'::text as sslcompression,
    'none'::text as sslexpansion,
    null::text as iamauthguid,
    application_name,
    os_version,
    driver_version,
    plugin_name,
    protocol_version,
    session_id as sessionid,
    ''::text as compression
from pg_internal.connection;
create view pg_catalog.sys_connection_log as
select
    event,
    recorded_at as record_time,
    remote_host,
    remote_port::text as remote_port,
    pid as session_id,
    database_name,
    user_name,
    auth_method,
    duration_microseconds as duration,
    ssl_version,
    ssl_cipher,
    0 as mtu,
    'none'::text as ssl_compression,
    'none'::text as ssl_expansion,
    null::text as iam_auth_guid,
    application_name,
    driver_version,
    os_version,
    plugin_name,
    protocol_version,
    session_id as global_session_id
from pg_internal.connection;
create view pg_catalog.svl_qlog as
select
    userid, query, xid, pid, starttime, endtime,
    (extract(epoch from endtime - starttime) * 1000000)::bigint as elapsed,
    aborted, label, left(querytxt, 60) as "substring"
from pg_catalog.stl_query;
create view pg_catalog.sys_query_detail as
select
    pg_internal.user_id(user_name) as user_id,
    pg_internal.user_query_id(query_id) as query_id,
    to_regclass(relation)::oid::integer as table_id,
    'insert'::text as step_name,
    started_at as start_time,
    ended_at as end_time
from pg_internal.current_query as query
cross join lateral unnest(written) as relation
where error is null;

create view pg_catalog.sys_load_error_detail as
select
    pg_internal.user_id(user_name) as user_id,
    pg_internal.user_query_id(query_id) as query_id,
    query_id::bigint as transaction_id,
    pid as session_id,
    current_database()::text as database_name,
    table_id::integer as table_id,
    started_at as start_time,
    0 as slice,
    pg_internal.cut(file_name) as file_name,
    line_number,
    column_name,
    column_type,
    column_length,
    position,
    error_code,
    error_message
from pg_internal.current_load_error as load_error;
create view pg_catalog.stl_load_errors as
select
    pg_internal.user_id(user_name) as userid,
    0 as slice,
    table_id::integer as tbl,
    started_at as starttime,
    pid as session,
    query_id as query,
    pg_internal.cut(file_name) as filename,
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
from pg_internal.current_load_error as load_error;
create view pg_catalog.sys_load_history as
select
    pg_internal.user_id(user_name) as user_id,
    pg_internal.user_query_id(query_id) as query_id,
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
from pg_internal.current_load as load;
create view pg_catalog.stl_load_commits as
select
    pg_internal.user_id(load.user_name) as userid,
    query_id as query,
    0 as slice,
    pg_internal.cut(load_file.name) as filename,
    load_file.bytes as byte_offset,
    load_file.lines as lines_scanned,
    load_file.errors,
    load_file.ended_at as curtime,
    1 as status,
    load.file_format
from pg_internal.current_load_file as load_file
join pg_internal.current_load as load using (query_id);
create view pg_catalog.sys_load_detail as
select
    pg_internal.user_id(load.user_name) as user_id,
    pg_internal.user_query_id(query_id) as query_id,
    pg_internal.cut(load_file.name) as file_name,
    load_file.bytes as bytes_scanned,
    load_file.lines as lines_scanned,
    load_file.ended_at as record_time,
    1 as splits_scanned,
    load.started_at as start_time,
    load_file.ended_at as end_time,
    pg_internal.cut(load_file.etag) as file_etag,
    load_file.modified_at as file_last_modified
from pg_internal.current_load_file as load_file
join pg_internal.current_load as load using (query_id);
create view pg_catalog.sys_unload_history as
select
    pg_internal.user_id(user_name) as user_id,
    pg_internal.user_query_id(query_id) as query_id,
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
from pg_internal.current_unload as unload
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
from pg_internal.current_unload as unload;

grant select on all tables in schema pg_internal to public;
do $do$
declare
    system_view record;
begin
    for system_view in
        select relname from pg_class
        where relnamespace = 'pg_catalog'::regnamespace and relkind = 'v'
            and relname ~ '^(svv|stl|stv|svl|sys)_|^pg_(table_def|proc_info)$'
    loop
        execute format(
            'grant select on pg_catalog.%I to public', system_view.relname
        );
    end loop;
end
$do$;
