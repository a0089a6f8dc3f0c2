{% macro default__sync_column_schemas(
    on_schema_change, target_relation, schema_changes_dict
) %}
    {#-
        Replaces dbt's macro for existing tables of incremental models. With
        `append_new_columns` dbt adds new columns only, so values that need a wider
        number type of a newer version would fail. This also changes columns to the
        model's decimal type. The existing rows and all other columns are kept.
    -#}
    {%- do dbt.default__sync_column_schemas(
        on_schema_change, target_relation, schema_changes_dict
    ) -%}
    {%- if on_schema_change == 'append_new_columns' -%}
        {%- for change in schema_changes_dict['new_target_types']
            if change['new_type'].lower().startswith(('numeric', 'decimal'))
        -%}
            {%- do alter_column_type(
                target_relation, change['column_name'], change['new_type']
            ) -%}
            {%- do log(
                'Changed column ' ~ change['column_name'] ~ ' of ' ~ target_relation
                ~ ' to ' ~ change['new_type'], info=true
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro duckdb__alter_column_type(relation, column_name, new_column_type) %}
    {#- One statement that keeps the column's position. -#}
    {%- call statement('alter_column_type') -%}
        alter table {{ relation }}
        alter column {{ adapter.quote(column_name) }} type {{ new_column_type }}
    {%- endcall -%}
{% endmacro %}
