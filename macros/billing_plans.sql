{% macro is_free_plan(plans) -%}
    {#- Whether a plan in `plans` includes units: it is free for as long as it is used. -#}
    {{ metric_terms(
        plans ~ '.included_{metric} is not null', 'or', 'is_included_in_plans'
    ) }}
{%- endmacro %}
