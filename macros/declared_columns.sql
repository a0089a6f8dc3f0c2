{% macro ensure_declared_columns() %}
    {#-
        Add declared columns that existing tables lack, and record them in
        ops.schema_changes. Columns that are no longer declared are kept. The loaders do
        the same (loaders/warehouse/create_tables.py).
    -#}
    {%- set existing = existing_columns() -%}
    {%- set kept = columns_recorded_as_kept() -%}
    {%- set changed_types = [] -%}
    {%- for table in graph.sources.values() -%}
        {%- set types = existing.get(table.schema ~ '.' ~ table.identifier, {}) -%}
        {%- set name = declared_name(table) -%}
        {%- set missing = [] -%}
        {%- set notes = [] -%}
        {#- A view that is bound late has no columns in the catalog. -#}
        {%- for column in table.columns.values() if types -%}
            {%- if column.name not in types -%}
                {%- do missing.append(column) -%}
            {%- else -%}
                {%- set actual = types[column.name] -%}
                {%- if (name, column.name) in kept -%}
                    {%- do notes.append((column.name, 'declared again', actual)) -%}
                {%- endif -%}
                {%- if is_raw_table(table)
                    and not holds_declared_type(actual, declared_type(column.data_type))
                -%}
                    {%- do changed_types.append((table, column, actual)) -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for column, actual in types.items()
            if column not in table.columns and (name, column) not in kept
        -%}
            {%- do notes.append((column, 'kept', actual)) -%}
        {%- endfor -%}
        {%- if missing or notes -%}
            {%- do add_columns_and_record(table, name, missing, notes) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do require_declared_types(changed_types) -%}
{% endmacro %}


{% macro add_columns_and_record(table, name, missing, notes) %}
    {#- In one transaction. On Redshift, another run waits and then has nothing to add. -#}
    {%- set relation = table.schema ~ '.' ~ table.identifier -%}
    {%- set there = lock_and_list_columns(table) -%}
    {%- for column in missing if column.name not in there -%}
        {%- set data_type = declared_type(column.data_type) -%}
        {%- call statement('add_column', auto_begin=true) -%}
            alter table {{ relation }}
            add column {{ adapter.quote(column.name) }} {{ data_type }}
        {%- endcall -%}
        {%- do notes.append((column.name, 'added', data_type)) -%}
    {%- endfor -%}
    {%- if notes -%}
        {%- call statement('record_columns', auto_begin=true) -%}
            insert into {{ generate_schema_name('ops', none) }}.schema_changes
            (changed_at, table_name, column_name, change, data_type, run_id)
            values
            {%- for column, change, data_type in notes %}
            (
                cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp),
                '{{ name }}', '{{ column }}', '{{ change }}', '{{ data_type }}',
                '{{ invocation_id }}'
            ){{ ',' if not loop.last }}
            {%- endfor %}
        {%- endcall -%}
    {%- endif -%}
    {%- do adapter.commit() -%}
    {%- for column, change, _ in notes if is_raw_table(table) -%}
        {%- do log(name ~ ': column ' ~ column ~ ' ' ~ change, info=true) -%}
    {%- endfor -%}
{% endmacro %}


{% macro require_declared_types(changed_types) %}
    {#- Fail if a selected node reads a table whose column has another type. -#}
    {%- set read = [] -%}
    {%- for unique_id in selected_resources if unique_id in graph.nodes -%}
        {%- do read.extend(graph.nodes[unique_id].depends_on.nodes) -%}
    {%- endfor -%}
    {%- for table, column, actual in changed_types if table.unique_id in read -%}
        {%- set wanted = declared_type(column.data_type) -%}
        {%- set statements = type_change_statements(
            table.schema ~ '.' ~ table.identifier, column.name, actual, wanted
        ) -%}
        {%- do exceptions.raise_compiler_error(
            'Column ' ~ column.name ~ ' of ' ~ table.schema ~ '.' ~ table.identifier
            ~ ' has the type ' ~ actual ~ ' in the warehouse, but '
            ~ table.original_file_path ~ ' declares ' ~ wanted ~ '. Nothing was built, '
            ~ 'and existing data is unchanged. Declare ' ~ actual ~ ' again, or change '
            ~ 'the column, then run again:\n    ' ~ statements | join(';\n    ') ~ ';'
        ) -%}
    {%- endfor -%}
{% endmacro %}


{% macro existing_columns() %}
    {#- Return the type of each column by name, by schema.table of all sources. -#}
    {%- set schemas = graph.sources.values() | map(attribute='schema') | unique -%}
    {%- set found = {} -%}
    {%- for schema, table, column, data_type in run_query(
        list_columns_sql("'" ~ schemas | join("', '") ~ "'")
    ).rows -%}
        {%- do found.setdefault(schema ~ '.' ~ table, {}).update(
            {column: normal_type(data_type)}
        ) -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}


{% macro columns_recorded_as_kept() %}
    {%- set kept = [] -%}
    {%- for table, column in run_query(
        "select table_name, column_name from ("
        ~ "select *, row_number() over (partition by table_name, column_name "
        ~ "order by changed_at desc) as recency from "
        ~ generate_schema_name('ops', none) ~ ".schema_changes "
        ~ "where change != 'unknown key') as changes "
        ~ "where recency = 1 and change = 'kept'"
    ).rows -%}
        {%- do kept.append((table, column)) -%}
    {%- endfor -%}
    {{- return(kept) -}}
{% endmacro %}


{% macro declared_name(table) -%}
    {{- return(
        ('ops.' if table.source_name == 'ops' else 'staging.') ~ table.name
    ) -}}
{%- endmacro %}


{% macro is_raw_table(table) -%}
    {{- return(table.config.meta.get('raw') or table.meta.get('raw')) -}}
{%- endmacro %}


{% macro normal_type(data_type) -%}
    {{- return(
        data_type.lower()
        | replace('character varying', 'varchar')
        | replace('double precision', 'double')
        | replace('timestamp without time zone', 'timestamp')
    ) -}}
{%- endmacro %}


{% macro holds_declared_type(actual, declared) -%}
    {#- Texts may be longer than declared; those of DuckDB have no length. -#}
    {%- set declared = normal_type(declared) -%}
    {%- if actual.startswith('varchar') and declared.startswith('varchar(') -%}
        {%- set length = actual[8:-1] or declared[8:-1] -%}
        {{- return(length | int >= declared[8:-1] | int) -}}
    {%- endif -%}
    {{- return(actual == declared) -}}
{%- endmacro %}


{% macro list_columns_sql(schemas) -%}
    {{- return(adapter.dispatch('list_columns_sql', 'nightshift')(schemas)) -}}
{%- endmacro %}

{% macro default__list_columns_sql(schemas) -%}
    {{- return(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        ~ "where database_name = current_database() and schema_name in ("
        ~ schemas ~ ")"
    ) -}}
{%- endmacro %}

{% macro redshift__list_columns_sql(schemas) -%}
    {#- information_schema fails while other transactions change tables. -#}
    {{- return(
        "select nspname, relname, attname, format_type(atttypid, atttypmod) "
        ~ "from pg_namespace "
        ~ "inner join pg_class on pg_class.relnamespace = pg_namespace.oid "
        ~ "inner join pg_attribute on pg_attribute.attrelid = pg_class.oid "
        ~ "where relkind = 'r' and attnum > 0 and not attisdropped "
        ~ "and nspname in (" ~ schemas ~ ")"
    ) -}}
{%- endmacro %}


{% macro lock_and_list_columns(table) -%}
    {{- return(adapter.dispatch('lock_and_list_columns', 'nightshift')(table)) -}}
{%- endmacro %}

{% macro default__lock_and_list_columns(table) -%}
    {#- Only one process can open the file. -#}
    {{- return({}) -}}
{%- endmacro %}

{% macro redshift__lock_and_list_columns(table) -%}
    {#- A snapshot older than the lock would lack what another run has just added. -#}
    {%- do run_and_commit('select 1') -%}
    {%- set relation = table.schema ~ '.' ~ table.identifier -%}
    {%- call statement('lock_table', auto_begin=true) -%}
        lock table {{ relation }}
    {%- endcall -%}
    {{- return(existing_columns().get(relation, {})) -}}
{%- endmacro %}


{% macro type_change_statements(relation, column, actual, declared) -%}
    {{- return(adapter.dispatch('type_change_statements', 'nightshift')(
        relation, column, actual, declared
    )) -}}
{%- endmacro %}

{% macro default__type_change_statements(relation, column, actual, declared) -%}
    {{- return([
        'alter table ' ~ relation ~ ' alter column ' ~ adapter.quote(column) ~ ' type '
        ~ declared
    ]) -}}
{%- endmacro %}

{% macro redshift__type_change_statements(relation, column, actual, declared) -%}
    {#- Redshift changes the length of a text only. -#}
    {%- set is_text = actual.startswith('varchar') -%}
    {%- set becomes_text = declared.startswith('varchar') -%}
    {%- if is_text and becomes_text -%}
        {{- return(nightshift.default__type_change_statements(
            relation, column, actual, declared
        )) -}}
    {%- endif -%}
    {%- set name = adapter.quote(column) -%}
    {%- set old = adapter.quote(
        column ~ '_' ~ actual.split('(')[0] | replace(' ', '_')
    ) -%}
    {%- set value = 'cast(' ~ old ~ ' as ' ~ declared ~ ')' -%}
    {%- if declared == 'super' and is_text -%}
        {%- set value = 'json_parse(' ~ old ~ ')' -%}
    {%- elif actual == 'super' and becomes_text -%}
        {%- set value = 'json_serialize(' ~ old ~ ')' -%}
    {%- elif actual == 'boolean' and becomes_text -%}
        {%- set value = 'case ' ~ old
            ~ " when true then 'true' when false then 'false' end" -%}
    {%- endif -%}
    {{- return([
        'alter table ' ~ relation ~ ' rename column ' ~ name ~ ' to ' ~ old,
        'alter table ' ~ relation ~ ' add column ' ~ name ~ ' ' ~ declared,
        'update ' ~ relation ~ ' set ' ~ name ~ ' = ' ~ value,
    ]) -}}
{%- endmacro %}
