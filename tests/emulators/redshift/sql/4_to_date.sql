-- TO_DATE accepts days and months that overflow, unless its third argument is true.
-- PostgreSQL's never does. The fields of year, month and day are then read here.
create function pg_internal.month_number(name text) returns integer
    language sql immutable strict as
$$
    select (strpos('janfebmaraprmayjunjulaugsepoctnovdec', lower(left(name, 3))) + 2) / 3
$$;
create function pg_internal.date_fields(value text, format text) returns integer[]
    language plpgsql immutable strict as
$$
declare
    names text[] := array[]::text[];
    pattern text := '^ *';
    element text;
    found text[];
    year integer;
    month integer;
    day integer;
begin
    for element in
        select match[1] from pg_catalog.regexp_matches(
            upper(format), '(FM|YYYY|YY|MONTH|MON|MM|DD|.)', 'g'
        ) as match
    loop
        if element in ('YYYY', 'YY', 'MM', 'DD') then
            names := names || element;
            pattern := pattern || '([0-9]{1,' || length(element) || '})';
        elsif element in ('MONTH', 'MON') then
            names := names || 'MON'::text;
            pattern := pattern || '([A-Za-z]+)';
        elsif element between 'A' and 'Z' then
            return null;
        elsif element <> 'FM' then
            pattern := pattern || '[^A-Za-z0-9]*';
        end if;
    end loop;
    found := pg_catalog.regexp_match(value, pattern);
    for index in 1 .. cardinality(names) loop
        case names[index]
            when 'YYYY' then year := found[index];
            when 'YY' then
                year := found[index];
                year := year + case when year < 70 then 2000 else 1900 end;
            when 'MM' then month := found[index];
            when 'MON' then month := pg_internal.month_number(found[index]);
            else day := found[index];
        end case;
    end loop;
    return array[year, month, day];
end
$$;
create function pg_internal.to_date(
    value text, format text, is_strict boolean default false
) returns date language plpgsql stable strict as
$$
declare
    fields integer[];
begin
    return pg_catalog.to_date(value, format);
exception when datetime_field_overflow then
    fields := pg_internal.date_fields(value, format);
    if is_strict then
        raise exception 'date/time field date value out of range: %',
            coalesce(array_to_string(fields, '-'), value) using errcode = '22008';
    elsif fields[1] is null then
        raise;
    end if;
    return (
        make_date(fields[1], 1, 1) + make_interval(months => coalesce(fields[2], 1) - 1)
    )::date + coalesce(fields[3], 1) - 1;
end
$$;
