{% macro ensure_declared_tables() %}
    {#-
        Create what the sources declare and the warehouse lacks, so that a bare
        `dbt run` works on an empty one. The loaders make the same tables from the
        same YAML.
    -#}
    {%- if execute and flags.WHICH in ('run', 'build', 'test', 'seed', 'freshness') -%}
        {%- for table in graph.sources.values() -%}
            {%- do run_query('create schema if not exists ' ~ table.schema) -%}
        {%- endfor -%}
        {%- for table in graph.sources.values() -%}
            {%- set columns = [] -%}
            {%- for column in table.columns.values() -%}
                {%- do columns.append(
                    adapter.quote(column.name) ~ ' ' ~ declared_type(column.data_type)
                ) -%}
            {%- endfor -%}
            {%- do run_query(
                'create table if not exists ' ~ table.schema ~ '.' ~ table.identifier
                ~ ' (' ~ columns | join(', ') ~ ')'
            ) -%}
        {%- endfor -%}
    {%- endif -%}
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
