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
-- Keys are declared and not enforced. A primary or unique key has an index, which is
-- empty, because clients look for one in pg_index; the constraint is deferrable, so that
-- PostgreSQL does not infer anything from it.
create function pg_internal.key_columns(relation oid, names text[]) returns smallint[]
    language plpgsql stable as
$$
declare
    missing text;
begin
    select name into missing from unnest(names) as name
    where not exists (
        select from pg_attribute
        where attrelid = relation and attname = name and attnum > 0
            and not attisdropped
    )
    limit 1;
    if missing is not null then
        raise exception 'column "%" named in key does not exist', missing
            using errcode = '42703';
    end if;
    return array(
        select attnum from unnest(names) with ordinality as named (name, position)
        join pg_attribute on attrelid = relation and attname = name
        order by position
    );
end
$$;
create function pg_internal.unused_name(schema_id oid, wanted text) returns text
    language plpgsql stable as
$$
declare
    candidate text := left(wanted, 60);
    number integer := 0;
begin
    while exists (
        select from pg_class where relnamespace = schema_id and relname = candidate
        union all
        select from pg_constraint
        where connamespace = schema_id and conname = candidate
    ) loop
        number := number + 1;
        candidate := left(wanted, 60) || number;
    end loop;
    return candidate;
end
$$;
create function pg_internal.record_key(relation regclass, key jsonb) returns void
    language plpgsql as
$$
declare
    kind text := key ->> 'kind';
    names text[] := array(select jsonb_array_elements_text(key -> 'columns'));
    columns smallint[] := pg_internal.key_columns(relation, names);
    owner pg_class := (select pg_class from pg_class where oid = relation);
    referenced regclass := to_regclass(key ->> 'table');
    referenced_columns smallint[];
    key_name text;
    operators oid[];
    index_id oid := 0;
    key_id oid;
begin
    if kind = 'p' and exists (
        select from pg_constraint where conrelid = relation and contype = 'p'
    ) then
        raise exception 'multiple primary keys for table "%" are not allowed',
            owner.relname using errcode = '42P16';
    end if;
    key_name := coalesce(
        key ->> 'name',
        pg_internal.unused_name(owner.relnamespace, case kind
            when 'p' then owner.relname || '_pkey'
            else concat_ws(
                '_', owner.relname, array_to_string(names, '_'),
                case kind when 'u' then 'key' else 'fkey' end
            )
        end)
    );
    if kind = 'f' then
        if referenced is null then
            raise exception 'relation "%" does not exist', key ->> 'table'
                using errcode = '42P01';
        end if;
        referenced_columns := pg_internal.key_columns(
            referenced, array(select jsonb_array_elements_text(key -> 'references'))
        );
        if cardinality(referenced_columns) = 0 then
            select conkey into referenced_columns from pg_constraint
            where conrelid = referenced and contype = 'p';
        end if;
        if not exists (
            select from pg_constraint
            where conrelid = referenced and contype in ('p', 'u')
                and conkey @> referenced_columns and conkey <@ referenced_columns
        ) then
            raise exception 'there is no unique constraint matching given keys for'
                ' referenced table "%"', key ->> 'table' using errcode = '42830';
        end if;
        -- PostgreSQL reads them, and ignores them because nothing is enforced.
        operators := array_fill(
            '=(integer,integer)'::regoperator::oid, array[cardinality(columns)]
        );
    else
        execute format(
            'create index %I on %s (%s) where false', key_name, relation,
            (select string_agg(quote_ident(name), ', ') from unnest(names) as name)
        );
        index_id := (
            select oid from pg_class
            where relnamespace = owner.relnamespace and relname = key_name
        );
        update pg_index set indisprimary = kind = 'p' where indexrelid = index_id;
    end if;
    key_id := pg_nextoid('pg_constraint', 'oid', 'pg_constraint_oid_index');
    insert into pg_constraint (
        oid, conname, connamespace, contype, condeferrable, condeferred, conenforced,
        convalidated, conrelid, contypid, conindid, conparentid, confrelid,
        confupdtype, confdeltype, confmatchtype, conislocal, coninhcount, connoinherit,
        conperiod, conkey, confkey, conpfeqop, conppeqop, conffeqop
    ) values (
        key_id, key_name, owner.relnamespace, kind::"char", true, false, false,
        true, relation, 0, index_id, 0, coalesce(referenced, 0),
        case kind when 'f' then 'a' else ' ' end, case kind when 'f' then 'a' else ' ' end,
        case kind when 'f' then 's' else ' ' end, true, 0, true,
        false, columns, referenced_columns, operators, operators, operators
    );
    insert into pg_depend
    select 'pg_constraint'::regclass, key_id, 0, 'pg_class'::regclass, relation, number,
        'a'
    from unnest(columns) as number;
    insert into pg_depend
    select 'pg_constraint'::regclass, key_id, 0, 'pg_class'::regclass, referenced,
        number, 'n'
    from unnest(referenced_columns) as number;
    if index_id > 0 then
        insert into pg_depend values (
            'pg_class'::regclass, index_id, 0, 'pg_constraint'::regclass, key_id, 0, 'i'
        );
    end if;
end
$$;
create function pg_internal.record_keys(
    relation text, may_exist boolean, keys text
) returns void language plpgsql security definer
set allow_system_table_mods = on as
$$
declare
    table_id regclass := to_regclass(relation);
begin
    -- CREATE TABLE IF NOT EXISTS has created nothing if the table is older.
    if may_exist and (
        not exists (
            select from pg_class
            where oid = table_id and xmin = pg_current_xact_id()::xid
        )
        or exists (
            select from pg_constraint
            where conrelid = table_id and contype in ('p', 'u', 'f')
        )
    ) then
        return;
    end if;
    perform pg_internal.record_key(table_id, key)
    from jsonb_array_elements(keys::jsonb) as key;
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

-- The text of a view that PostgreSQL does not store as it was written.
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
