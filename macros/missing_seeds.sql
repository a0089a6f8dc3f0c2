{% macro ensure_seeds() %}
    {#-
        `dbt run` builds no seeds. On an empty warehouse it still has to work and give
        empty marts, so a seed's table is created empty; once something is loaded, an
        empty seed would give wrong marts, and the analyst is asked to build it.
    -#}
    {%- if execute and flags.WHICH == 'run' -%}
        {%- for seed in graph.nodes.values()
            if seed.resource_type == 'seed'
            and not adapter.get_relation(seed.database, seed.schema, seed.alias)
        -%}
            {%- if newest_loaded_date() != nothing_loaded() -%}
                {{ exceptions.raise_compiler_error(
                    "Seed " ~ seed.name ~ " is not built, and its models would be "
                    ~ "wrong without it. Run `dbt seed`, or `dbt build` instead."
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
