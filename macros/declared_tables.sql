{% macro ensure_declared_tables() %}
    {#-
        Create what the sources declare and the warehouse lacks, so that a bare
        `dbt run` works on an empty one. The loaders make the same tables from the
        same YAML.
    -#}
    {%- if execute and flags.WHICH in ('run', 'build', 'test', 'seed', 'freshness') -%}
        {%- for table in graph.sources.values()
            if not adapter.get_relation(table.database, table.schema, table.identifier)
        -%}
            {%- if not adapter.check_schema_exists(table.database, table.schema) -%}
                {%- do run_and_commit('create schema if not exists ' ~ table.schema) -%}
            {%- endif -%}
            {%- set columns = [] -%}
            {%- for column in table.columns.values() -%}
                {%- do columns.append(
                    adapter.quote(column.name) ~ ' ' ~ declared_type(column.data_type)
                ) -%}
            {%- endfor -%}
            {%- do run_and_commit(
                'create table if not exists ' ~ table.schema ~ '.' ~ table.identifier
                ~ ' (' ~ columns | join(', ') ~ ')' ~ declared_layout(table)
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro run_and_commit(sql) %}
    {#- A hook's transaction, which looking for relations may begin, dbt would undo. -#}
    {%- call statement('run_and_commit', auto_begin=true) -%}
        {{ sql }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
{% endmacro %}


{% macro declared_type(data_type) -%}
    {{- return(adapter.dispatch('declared_type', 'nightshift')(data_type)) -}}
{%- endmacro %}

{% macro default__declared_type(data_type) -%}
    {{- return(data_type) -}}
{%- endmacro %}

{% macro redshift__declared_type(data_type) -%}
    {{- return('super' if data_type == 'json' else data_type) -}}
{%- endmacro %}


{% macro declared_layout(table) -%}
    {{- return(adapter.dispatch('declared_layout', 'nightshift')(table)) -}}
{%- endmacro %}

{% macro default__declared_layout(table) -%}
    {{- return('') -}}
{%- endmacro %}

{% macro redshift__declared_layout(table) -%}
    {#- Raw tables are read by days, and have no one key to be spread by. -#}
    {{- return(' diststyle even sortkey (dt)' if table.meta.get('raw') else '') -}}
{%- endmacro %}
