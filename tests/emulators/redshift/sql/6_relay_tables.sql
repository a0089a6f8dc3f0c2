-- The relay's own tables and functions.

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
-- Bound views with a leader-node function, or without a user's table.
create table pg_internal.leader_view (
    view_id oid primary key,
    function text not null,
    is_on_leader boolean not null
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
create unlogged table pg_internal.connection (
    event text not null,
    recorded_at timestamp not null,
    remote_host text not null,
    remote_port integer not null,
    pid integer not null,
    database_name text not null,
    user_name text not null,
    auth_method text not null,
    ssl_version text not null,
    ssl_cipher text not null,
    application_name text not null,
    os_version text not null,
    driver_version text not null,
    plugin_name text not null,
    protocol_version integer not null,
    session_id text not null,
    duration_microseconds bigint not null
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
    etag text not null,
    modified_at timestamp,
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

-- Called in the user's transaction, so that a rollback undoes the changes.
create function pg_internal.record_table_attributes(
    relation text, diststyle text, distkey text, sortkeys text[], interleaved boolean
) returns void language plpgsql security definer as
$$
declare
    key text;
    key_type text;
begin
    foreach key in array array_remove($3 || coalesce($4, '{}'), null) loop
        select format_type(atttypid, null) into key_type
        from pg_attribute
        where attrelid = to_regclass($1) and attname = key and not attisdropped;
        if key_type is null then
            raise exception 'column "%" named in key does not exist', key
                using errcode = 'undefined_column';
        end if;
        if key_type = 'super' then
            raise exception 'column "%" of type super cannot be a distribution key'
                ' or a sort key of a table in Amazon Redshift', key
                using errcode = 'feature_not_supported';
        end if;
    end loop;
    insert into pg_internal.table_attribute values (
        to_regclass($1)::oid, $2, $3, coalesce($4, '{}'), coalesce($5, false)
    )
    on conflict (table_id) do update set
        diststyle = coalesce(excluded.diststyle, table_attribute.diststyle),
        distkey = coalesce(excluded.distkey, table_attribute.distkey),
        sortkeys = coalesce($4, table_attribute.sortkeys),
        is_interleaved = coalesce($5, table_attribute.is_interleaved);
end
$$;
create function pg_internal.record_late_binding_view(relation text, definition text)
    returns void language sql security definer as
$$
    insert into pg_internal.late_binding_view
    values (to_regclass($1)::oid, $2)
    on conflict (view_id) do update set definition = excluded.definition
$$;
create function pg_internal.delete_late_binding_view(relation text)
    returns void language sql security definer as
$$
    delete from pg_internal.late_binding_view where view_id = to_regclass($1)::oid
$$;

-- Returns a text as a column of type character(256) shows it.
create function pg_internal.cut(text) returns text language sql immutable strict as
$$
    select case
        when octet_length($1) <= 256 then $1
        else (
            select left($1, characters::integer)
            from generate_series(1, 256) as characters
            where octet_length(left($1, characters::integer)) <= 256
            order by characters desc
            limit 1
        )
    end
$$;

create function pg_internal.fail() returns void language plpgsql as
$$ begin raise exception 'rejected by the relay'; end $$;

create function pg_internal.row_count(relation oid) returns bigint
    language plpgsql stable as
$$
declare
    row_total bigint;
begin
    execute 'select count(*) from ' || relation::regclass into row_total;
    return row_total;
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
    pg_internal.long_name(current_database()) as database_name,
    pg_internal.long_name(pg_namespace.nspname) as schema_name,
    pg_internal.long_name(pg_class.relname) as table_name,
    case
        when late_binding_view.view_id is not null then 'LATE BINDING VIEW'
        when materialized_view.view_id is not null then 'MATERIALIZED VIEW'
        when pg_class.relkind = 'v' then 'REGULAR VIEW'
        else 'REGULAR TABLE'
    end as subtype,
    pg_class.relkind in ('r', 'p') as is_table,
    -- The table of a materialized view is listed in pg_class and pg_tables only.
    pg_class.oid in (
        select table_id from pg_internal.materialized_view
    ) as is_mv_storage,
    coalesce(materialized_view.table_id, pg_class.oid) as storage_id,
    pg_internal.long_name(pg_get_userbyid(pg_class.relowner)) as owner,
    pg_class.relacl as acl,
    obj_description(pg_class.oid, 'pg_class') as remarks
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
left join pg_internal.late_binding_view on late_binding_view.view_id = pg_class.oid
left join pg_internal.materialized_view on materialized_view.view_id = pg_class.oid
where pg_class.relkind in ('r', 'p', 'v')
    and (
        pg_namespace.nspname not like E'pg\\_%'
        or pg_namespace.oid = pg_my_temp_schema()
    )
    and pg_namespace.nspname <> 'information_schema';

create view pg_internal.late_binding_definition as
select user_relation.schema_name, user_relation.table_name, late_binding_view.definition
from pg_internal.user_relation
join pg_internal.late_binding_view on late_binding_view.view_id = user_relation.oid;

-- The original text of a view, which PostgreSQL rewrites.
create function pg_internal.own_definition(oid) returns text language sql stable as
$$
    select definition from pg_internal.materialized_view where view_id = $1
    union all
    select pg_internal.long_names_in(
        format('create view %s as %s with no schema binding;', $1::regclass, definition)
    )
    from pg_internal.late_binding_view where view_id = $1
$$;
create function pg_internal.pg_get_viewdef(oid) returns text language sql stable as
$$
    select coalesce(
        pg_internal.own_definition($1),
        pg_internal.long_names_in(pg_catalog.pg_get_viewdef($1))
    )
$$;
create function pg_internal.pg_get_viewdef(text) returns text language sql stable as
$$ select pg_internal.pg_get_viewdef($1::regclass::oid) $$;
create function pg_internal.pg_get_viewdef(oid, boolean) returns text
    language sql stable as
$$ select pg_internal.pg_get_viewdef($1) $$;
create function pg_internal.pg_get_viewdef(text, boolean) returns text
    language sql stable as
$$ select pg_internal.pg_get_viewdef($1) $$;
create function pg_internal.pg_get_constraintdef(oid) returns text
    language sql stable as
$$ select pg_internal.long_names_in(pg_catalog.pg_get_constraintdef($1)) $$;
create function pg_internal.pg_get_constraintdef(oid, boolean) returns text
    language sql stable as
$$ select pg_internal.pg_get_constraintdef($1) $$;

create function pg_internal.delete_leader_view(relation text) returns void
    language sql security definer as
$$ delete from pg_internal.leader_view where view_id = to_regclass($1)::oid $$;
create function pg_internal.record_leader_view(
    relation text, function text, is_on_leader boolean
) returns void language sql security definer as
$$
    insert into pg_internal.leader_view values (to_regclass($1)::oid, $2, $3)
    on conflict (view_id) do update
    set function = excluded.function, is_on_leader = excluded.is_on_leader
$$;
