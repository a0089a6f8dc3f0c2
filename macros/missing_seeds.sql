{% macro ensure_seeds() %}
    {#-
        `dbt run` does not build seeds. On an empty warehouse, create missing seed
        tables without rows so that the models build. Once data is loaded, an empty seed
        would make the marts wrong, so raise an error instead.
    -#}
    {%- if execute and flags.WHICH == 'run' -%}
        {%- for seed in graph.nodes.values()
            if seed.resource_type == 'seed' and seed.package_name == project_name
            and not adapter.get_relation(seed.database, seed.schema, seed.alias)
        -%}
            {%- if newest_loaded_date() != empty_warehouse_date() -%}
                {{ exceptions.raise_compiler_error(
                    "Seed " ~ seed.name ~ " is not built. The models that read it "
                    ~ "would be wrong. Run `dbt seed` first, or run `dbt build`."
                ) }}
            {%- endif -%}
            {%- if not adapter.check_schema_exists(seed.database, seed.schema) -%}
                {%- do run_and_commit('create schema if not exists ' ~ seed.schema) -%}
            {%- endif -%}
            {%- set columns = [] -%}
            {%- for name, data_type in seed.config.column_types.items() -%}
                {%- do columns.append(adapter.quote(name) ~ ' ' ~ data_type) -%}
            {%- endfor -%}
            {%- do run_and_commit(
                'create table ' ~ seed.schema ~ '.' ~ seed.alias
                ~ ' (' ~ columns | join(', ') ~ ')'
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
