-- Materialized views. Each is three relations, as in Redshift, which shows the first two:
-- a view with its name, the table mv_tbl__<name>__0 with its rows and two more columns,
-- and its query as a view in pg_mv, which carries the dependencies on the base tables.

create schema pg_mv;
grant usage, create on schema pg_mv to public;
create table pg_internal.materialized_view (
    view_id oid primary key,
    table_id oid not null,
    query_id oid not null,
    definition text not null,
    is_auto_refreshed boolean not null
);
create table pg_internal.materialized_view_base (
    base_id oid,
    view_id oid,
    primary key (base_id, view_id)
);
-- A row for each view whose base tables have changed since its last refresh.
create table pg_internal.materialized_view_change (view_id oid not null);
create unlogged table pg_internal.materialized_view_refresh (
    view_id oid not null,
    user_name text not null,
    started_at timestamp not null,
    ended_at timestamp not null,
    status text not null
);

create function pg_internal.record_base_change() returns trigger
    language plpgsql security definer as
$$
begin
    insert into pg_internal.materialized_view_change
    select view_id from pg_internal.materialized_view_base
    where base_id = tg_relid and view_id not in (
        select view_id from pg_internal.materialized_view_change
    );
    return null;
end
$$;
create function pg_internal.is_stale(view oid) returns boolean
    language sql stable security definer as
$$
    select exists (
        select from pg_internal.materialized_view_change where view_id = $1
    )
$$;

-- The relations that the query of a materialized view reads.
create function pg_internal.base_relations(query oid)
    returns table (relation_id oid) language sql stable as
$$
    select distinct refobjid
    from pg_depend
    join pg_rewrite on pg_rewrite.oid = objid and classid = 'pg_rewrite'::regclass
    where ev_class = $1 and refclassid = 'pg_class'::regclass and refobjid <> $1
$$;
create function pg_internal.check_materialized_query(query oid) returns void
    language plpgsql stable as
$$
declare
    base record;
begin
    for base in
        select relation_id::regclass as name, relkind = 'v' as is_view,
            relpersistence = 't' as is_temporary
        from pg_internal.base_relations(query)
        join pg_class on pg_class.oid = relation_id
        where relation_id not in (select view_id from pg_internal.materialized_view)
    loop
        if base.is_view or base.is_temporary then
            raise exception using errcode = '0A000', message = format(
                'a materialized view of the %s %s is not supported by Amazon Redshift',
                case when base.is_view then 'view' else 'temporary table' end,
                base.name
            );
        end if;
    end loop;
    if exists (
        select from pg_depend
        join pg_rewrite on pg_rewrite.oid = objid and classid = 'pg_rewrite'::regclass
        join pg_proc on pg_proc.oid = refobjid and refclassid = 'pg_proc'::regclass
        where ev_class = query and pronamespace not in (
            'pg_catalog'::regnamespace, 'pg_internal'::regnamespace
        )
    ) then
        raise exception using errcode = '0A000', message =
            'a user-defined function in a materialized view is not supported by'
            ' Amazon Redshift';
    end if;
end
$$;
create function pg_internal.create_materialized_view(
    view text, storage text, query text, definition text, is_auto_refreshed boolean
) returns void language plpgsql as
$$
declare
    columns text;
begin
    if to_regclass(view) is not null then
        raise exception using errcode = '42P07',
            message = format('relation "%s" already exists', replace(view, '"', ''));
    end if;
    perform pg_internal.check_materialized_query(query::regclass);
    select string_agg(quote_ident(attname), ', ' order by attnum) into columns
    from pg_attribute where attrelid = query::regclass and attnum > 0;
    execute format(
        'create table %s as select %s, 1::bigint as mv__num_rec,'
        ' row_number() over () as mv__oid from %s',
        storage, columns, query
    );
    execute format(
        'create view %s as select %s from %s union all select %s from %s where false',
        view, columns, storage, columns, query
    );
    perform pg_internal.record_materialized_view(
        view::regclass, storage::regclass, query::regclass, definition,
        is_auto_refreshed
    );
end
$$;
create function pg_internal.record_materialized_view(
    view oid, storage oid, query oid, definition text, is_auto_refreshed boolean
) returns void language plpgsql security definer as
$$
declare
    base regclass;
begin
    -- The view cannot exist without its table and its query, nor they without it.
    insert into pg_depend
    select 'pg_class'::regclass, relation, 0, 'pg_class'::regclass, view, 0, 'a'
    from unnest(array[storage, query]) as relation;
    for base in
        select coalesce(table_id, relation_id)
        from pg_internal.base_relations(query)
        left join pg_internal.materialized_view on view_id = relation_id
    loop
        if is_auto_refreshed and base in (
            select table_id from pg_internal.materialized_view
        ) then
            raise exception using errcode = '0A000', message =
                'AUTO REFRESH YES of a materialized view that is defined on another'
                ' materialized view is not supported by Amazon Redshift';
        end if;
        insert into pg_internal.materialized_view_base values (base, view);
        execute format(
            'create or replace trigger pg_mv_change'
            ' after insert or update or delete or truncate on %s'
            ' for each statement execute function pg_internal.record_base_change()',
            base
        );
    end loop;
    insert into pg_internal.materialized_view
    values (view, storage, query, definition, is_auto_refreshed);
end
$$;

-- Return the id of a materialized view that the user owns.
create function pg_internal.owned_materialized_view(view text) returns oid
    language plpgsql stable as
$$
declare
    found_id oid := to_regclass(view);
begin
    if found_id is null then
        raise exception using errcode = '42P01',
            message = format('relation "%s" does not exist', replace(view, '"', ''));
    elsif found_id not in (select view_id from pg_internal.materialized_view) then
        raise exception using errcode = '42809',
            message = format('"%s" is not a materialized view', replace(view, '"', ''));
    elsif not (
        select pg_has_role(relowner, 'usage') from pg_class where oid = found_id
    ) then
        raise exception using errcode = '42501', message = format(
            'must be owner of materialized view %s', replace(view, '"', '')
        );
    end if;
    return found_id;
end
$$;
create function pg_internal.check_dropped_view() returns event_trigger
    language plpgsql security definer as
$$
declare
    dropped text;
begin
    select object_name into dropped from pg_event_trigger_dropped_objects()
    where original and objid in (select view_id from pg_internal.materialized_view);
    if dropped is not null
        and current_setting('redshift.drops_materialized_view', true) is distinct from 'on'
    then
        raise exception using errcode = '42809',
            message = format('"%s" is not a view', dropped),
            hint = 'Use DROP MATERIALIZED VIEW to remove a materialized view.';
    end if;
end
$$;
create event trigger pg_internal_drop_view on sql_drop when tag in ('DROP VIEW')
    execute function pg_internal.check_dropped_view();
create function pg_internal.drop_materialized_view(
    view text, if_exists boolean, cascades boolean
) returns void language plpgsql as
$$
begin
    if if_exists and to_regclass(view) is null then
        raise info 'Materialized view "%" does not exist and will be skipped',
            replace(view, '"', '');
        return;
    end if;
    perform set_config('redshift.drops_materialized_view', 'on', true);
    execute format(
        'drop view %s%s', pg_internal.owned_materialized_view(view)::regclass,
        case when cascades then ' cascade' else '' end
    );
    perform set_config('redshift.drops_materialized_view', 'off', true);
exception when dependent_objects_still_exist then
    raise exception using errcode = '2BP01', message = format(
        'cannot drop materialized view %s because other objects depend on it',
        replace(view, '"', '')
    ), hint = 'Use DROP ... CASCADE to drop the dependent objects too.';
end
$$;
create function pg_internal.alter_auto_refresh(view text, is_auto_refreshed boolean)
    returns void language plpgsql as
$$
begin
    perform pg_internal.set_auto_refresh(
        pg_internal.owned_materialized_view(view), is_auto_refreshed
    );
end
$$;
create function pg_internal.set_auto_refresh(view oid, auto_refresh boolean)
    returns void language sql security definer as
$$
    update pg_internal.materialized_view set is_auto_refreshed = $2 where view_id = $1
$$;
create function pg_internal.refresh_materialized_view(view text, cascades boolean)
    returns void language plpgsql as
$$
declare
    refreshed pg_internal.materialized_view;
    columns text;
    result text := 'MV was already updated';
    dependent regclass;
    start_time timestamp := clock_timestamp();
begin
    select * into refreshed from pg_internal.materialized_view
    where view_id = pg_internal.owned_materialized_view(view);
    if pg_internal.is_stale(refreshed.view_id)
        or refreshed.definition ~* E'\\m(getdate|sysdate|random|timeofday|current_date)\\M'
    then
        select string_agg(quote_ident(attname), ', ' order by attnum) into columns
        from pg_attribute where attrelid = refreshed.query_id and attnum > 0;
        execute format('delete from %s', refreshed.table_id::regclass);
        execute format(
            'insert into %s (%s, mv__num_rec, mv__oid)'
            ' select %s, 1, row_number() over () from %s',
            refreshed.table_id::regclass, columns, columns, refreshed.query_id::regclass
        );
        result := 'Refresh successfully recomputed MV from scratch';
        raise info 'Materialized view % was recomputed successfully.',
            refreshed.view_id::regclass;
    else
        raise info 'Materialized view % is already up to date.',
            refreshed.view_id::regclass;
    end if;
    perform pg_internal.record_refresh(refreshed.view_id, start_time, result);
    if cascades then
        for dependent in
            select view_id from pg_internal.materialized_view_base
            where base_id = refreshed.table_id
                and view_id in (select oid from pg_class)
        loop
            perform pg_internal.refresh_materialized_view(dependent::text, true);
        end loop;
    end if;
end
$$;
create function pg_internal.record_refresh(view oid, start_time timestamp, result text)
    returns void language sql security definer as
$$
    delete from pg_internal.materialized_view_change where view_id = $1;
    insert into pg_internal.materialized_view_refresh
    values ($1, session_user, $2, clock_timestamp(), $3)
$$;
