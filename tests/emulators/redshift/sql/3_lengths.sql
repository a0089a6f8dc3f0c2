-- varchar(n) and char(n) count bytes. PostgreSQL asks the function of pg_cast
-- whenever a value meets a length, so these two see every value.
create function pg_internal.first_bytes(text, integer) returns text
    language sql immutable strict as
$$
    select coalesce(
        (
            select left($1, cut)
            from generate_series(least(char_length($1), $2), 0, -1) as cut
            where octet_length(left($1, cut)) <= $2
            limit 1
        ),
        ''
    )
$$;
create function pg_internal.fit_or_fail(
    value text, bytes integer, is_explicit boolean, type_name text
) returns text language plpgsql immutable strict as
$$
begin
    if is_explicit or octet_length(rtrim(value, ' ')) <= bytes then
        return pg_internal.first_bytes(value, bytes);
    end if;
    raise exception 'value too long for type %(%)', type_name, bytes
        using errcode = '22001';
end
$$;
create function pg_internal.varchar_in_bytes(varchar, integer, boolean)
    returns varchar language sql immutable strict as
$$
    select case
        when $2 < 5 or octet_length($1) <= $2 - 4 then $1
        else pg_internal.fit_or_fail($1, $2 - 4, $3, 'character varying')
    end
$$;
create function pg_internal.char_in_bytes(bpchar, integer, boolean)
    returns bpchar language sql immutable strict as
$$
    select case
        when $2 < 5 then $1
        when octet_length($1) <= $2 - 4 then rpad($1::text, $2 - 4)
        else pg_internal.fit_or_fail($1::text, $2 - 4, $3, 'character')
    end::bpchar
$$;
update pg_cast
set castfunc = 'pg_internal.varchar_in_bytes(varchar, integer, boolean)'::regprocedure
where castsource = 'varchar'::regtype and casttarget = 'varchar'::regtype;
update pg_cast
set castfunc = 'pg_internal.char_in_bytes(bpchar, integer, boolean)'::regprocedure
where castsource = 'bpchar'::regtype and casttarget = 'bpchar'::regtype;

-- An expression may be text, a column of a table is varchar: what CREATE TABLE AS
-- makes is put right when it has been made. To PostgreSQL both are the same bytes.
create function pg_internal.columns_are_varchar() returns event_trigger
    language plpgsql security definer as
$$
declare
    made regclass;
    changes text;
begin
    for made in
        select objid from pg_event_trigger_ddl_commands()
        where object_type = 'table'
    loop
        select string_agg(format('alter column %I type varchar', attname), ', ')
        into changes
        from pg_attribute
        where attrelid = made and attnum > 0 and atttypid = 'text'::regtype;
        if changes is not null then
            execute format('alter table %s %s', made, changes);
        end if;
    end loop;
end
$$;
create event trigger columns_are_varchar on ddl_command_end
    when tag in ('CREATE TABLE AS', 'SELECT INTO')
    execute function pg_internal.columns_are_varchar();
