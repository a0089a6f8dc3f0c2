{% macro refuse_full_refresh_of_final_days() %}
    {#-
        `nightshift retention` removes old days from staging, and incremental models keep
        their rows. A full refresh would lose them, so it is refused before any model is
        built. It is allowed for models that read the kept rows of other models only.
    -#}
    {%- if execute and flags.FULL_REFRESH and flags.WHICH in ('run', 'build') -%}
        {%- set last_removed = last_removed_day() -%}
        {%- set names = [] -%}
        {%- for unique_id in selected_resources -%}
            {%- set node = graph.nodes.get(unique_id) -%}
            {%- if last_removed and node and node.resource_type == 'model'
                and node.config.materialized == 'incremental'
                and reads_raw_tables(node)
                and adapter.get_relation(node.database, node.schema, node.alias)
            -%}
                {%- do names.append(node.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if names -%}
            {{ exceptions.raise_compiler_error(
                "A full refresh of " ~ names | join(', ') ~ " would lose all days up to "
                ~ last_removed ~ ": `nightshift retention` has removed their rows from "
                ~ "staging. These days are final. Run without --full-refresh, or leave "
                ~ "these models out."
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro last_removed_day() -%}
    {#- The last day that was removed from staging, or none. -#}
    {%- set removals = source('ops', 'retention_removals') -%}
    {%- if load_relation(removals) -%}
        {{- return(run_query(
            "select max(dt) from " ~ removals ~ " where kind = 'staging'"
        ).columns[0].values()[0]) -}}
    {%- endif -%}
    {{- return(none) -}}
{%- endmacro %}


{% macro first_open_date() -%}
    {#- The first date for which staging has all that a run reads, as text. -#}
    {%- set removed = last_removed_day() -%}
    {%- if removed is none -%}
        {{- return(empty_warehouse_date()) -}}
    {%- endif -%}
    {%- set days = var('late_arrival_days') + 2 + var('org_carry_forward_days') -%}
    {{- return((removed + modules.datetime.timedelta(days=days)) | string) -}}
{%- endmacro %}


{% macro reads_raw_tables(node) -%}
    {#- Whether the node reads a raw table itself or through views. -#}
    {%- for parent_id in node.depends_on.nodes -%}
        {%- set raw_table = graph.sources.get(parent_id) -%}
        {%- if raw_table and raw_table.meta.get('raw') -%}
            {{- return(true) -}}
        {%- endif -%}
        {%- set parent = graph.nodes.get(parent_id) -%}
        {%- if parent and parent.config.materialized == 'view'
            and reads_raw_tables(parent)
        -%}
            {{- return(true) -}}
        {%- endif -%}
    {%- endfor -%}
    {{- return(false) -}}
{%- endmacro %}
