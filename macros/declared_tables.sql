{% macro ensure_declared_tables() %}
    {#-
        Create missing source tables and columns, so that `dbt run` works on an empty
        warehouse and after a change of the YAML. The loaders do the same.
    -#}
    {%- if execute and flags.WHICH in ('run', 'build', 'test', 'seed', 'freshness') -%}
        {%- do require_valid_names() -%}
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
        {#- A pull request reads production's tables, but does not change them. -#}
        {%- if not var('production_sources', false) -%}
            {%- do ensure_declared_columns() -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro require_valid_names() %}
    {#- Redshift folds names to lower case, so that others would be added again. -#}
    {%- for table in graph.sources.values() -%}
        {%- for name in table.columns
            if not modules.re.fullmatch('[a-z_][a-z0-9_]{0,126}', name)
        -%}
            {%- do exceptions.raise_compiler_error(
                'Column ' ~ name ~ ' of ' ~ table.name ~ ' in '
                ~ table.original_file_path ~ ' has a name that cannot be a column. Use '
                ~ 'at most 127 characters of a-z, 0-9 and _, not starting with a digit.'
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}


{% macro run_and_commit(sql) %}
    {#- dbt rolls back the transaction of a hook, so commit the statement here. -#}
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
    {#- Raw tables are read by day and have no common distribution key. -#}
    {{- return(' diststyle even sortkey (dt)' if table.meta.get('raw') else '') -}}
{%- endmacro %}
