-- The system relations that Redshift has too, as it shows them: with long names, with
-- the definitions of late-binding and materialized views, without the relay's schemas.
-- dialect/views/system_relations.py replaces their names in the statements of clients.

create schema pg_redshift;
grant usage on schema pg_redshift to public;

create view pg_redshift.pg_attribute as
select
    -- Redshift has these two columns, PostgreSQL does not.
    coalesce(distkey = attname, false) as attisdistkey,
    coalesce(
        array_position(sortkeys, attname::text)
        * case when is_interleaved then -1 else 1 end,
        0
    ) as attsortkeyord,
    attrelid, pg_internal.long_name(attname) as attname, atttypid, attlen, attnum,
    atttypmod, attndims, attbyval, attstorage, attalign, attnotnull, atthasdef,
    attisdropped, attislocal, attinhcount, attidentity, attgenerated, attcollation,
    attacl, attoptions
from pg_catalog.pg_attribute
left join pg_internal.table_attribute on table_id = attrelid;

-- A materialized view depends on its base tables and on its table, which is not shown
-- to depend on it, so that clients that follow the dependencies find no cycle.
create view pg_redshift.pg_depend as
select
    pg_depend.classid, coalesce(view_rule.oid, pg_depend.objid) as objid,
    pg_depend.objsubid, pg_depend.refclassid, pg_depend.refobjid,
    pg_depend.refobjsubid, pg_depend.deptype
from pg_catalog.pg_depend
left join pg_catalog.pg_rewrite as query_rule on query_rule.oid = pg_depend.objid
left join pg_internal.materialized_view on query_id = query_rule.ev_class
left join pg_catalog.pg_rewrite as view_rule on view_rule.ev_class = view_id
where pg_depend.objid not in (
    select unnest(array[table_id, query_id]) from pg_internal.materialized_view
) or pg_depend.refobjid not in (
    select view_id from pg_internal.materialized_view
);

create view pg_redshift.pg_views as
select
    pg_internal.long_name(schemaname) as schemaname,
    pg_internal.long_name(viewname) as viewname,
    pg_internal.long_name(viewowner) as viewowner,
    coalesce(
        pg_internal.own_definition(pg_class.oid), pg_internal.long_names_in(definition)
    ) as definition
from pg_catalog.pg_views
join pg_catalog.pg_namespace on nspname = schemaname
join pg_catalog.pg_class on relnamespace = pg_namespace.oid and relname = viewname
where schemaname not in ('pg_internal', 'pg_mv', 'pg_redshift');

create view pg_redshift.schema_views as
select
    pg_internal.long_name(table_catalog) as table_catalog,
    pg_internal.long_name(table_schema) as table_schema,
    pg_internal.long_name(table_name) as table_name,
    coalesce(
        pg_internal.own_definition(pg_class.oid),
        pg_internal.long_names_in(view_definition)
    ) as view_definition,
    check_option, is_updatable, is_insertable_into
from information_schema.views
join pg_catalog.pg_namespace on nspname = table_schema
join pg_catalog.pg_class on relnamespace = pg_namespace.oid and relname = table_name
where table_schema not in ('pg_internal', 'pg_mv', 'pg_redshift');

-- The name of an index is that of its key.
create function pg_internal.key_name(index_id oid, kind "char") returns text
    language sql stable as
$$
    select case
        when kind = 'i' then (
            select pg_internal.long_name(conname) from pg_catalog.pg_constraint
            where conindid = index_id and contype in ('p', 'u')
        )
    end
$$;

do $do$
declare
    relation record;
    columns text;
    filter text;
begin
    for relation in
        select oid, relname, case relnamespace
            when 'information_schema'::regnamespace then 'schema_' else ''
        end || relname as view_name
        from pg_catalog.pg_class
        where (
            relnamespace = 'pg_catalog'::regnamespace and relname in (
                'pg_class', 'pg_constraint', 'pg_database', 'pg_group', 'pg_namespace',
                'pg_proc', 'pg_stat_activity', 'pg_tables', 'pg_type', 'pg_user'
            )
        ) or (
            relnamespace = 'information_schema'::regnamespace and relname in (
                'column_privileges', 'columns', 'constraint_column_usage',
                'key_column_usage', 'referential_constraints', 'routines', 'schemata',
                'table_constraints', 'table_privileges', 'tables',
                'view_column_usage', 'view_table_usage'
            )
        )
    loop
        select
            string_agg(
                case
                    when relation.view_name = 'pg_class' and attname = 'relname'
                        then 'coalesce(pg_internal.key_name(oid, relkind),'
                            ' pg_internal.long_name(relname)) as relname'
                    when typname in ('name', 'sql_identifier')
                    then format('pg_internal.long_name(%1$I::name) as %1$I', attname)
                    else quote_ident(attname)
                end,
                ', ' order by attnum
            ),
            string_agg(
                quote_ident(attname) || $$ not in ('pg_internal', 'pg_mv', 'pg_redshift')$$,
                ' and ' order by attnum
            ) filter (where attname in ('table_schema', 'schemaname', 'nspname', 'schema_name'))
        into columns, filter
        from pg_catalog.pg_attribute
        join pg_catalog.pg_type on pg_type.oid = atttypid
        where attrelid = relation.oid and attnum > 0 and typtype <> 'p';
        execute format(
            'create view pg_redshift.%I as select %s from %s where %s',
            relation.view_name, columns, relation.oid::regclass,
            -- Redshift has no constraints for NOT NULL.
            case relation.view_name
                when 'pg_constraint' then $$contype <> 'n'$$ else coalesce(filter, 'true')
            end
        );
    end loop;
end
$do$;
grant select on all tables in schema pg_redshift to public;
