{% macro is_free_plan(plans) -%}
    {#- Whether a plan in `plans` includes units: it is free for as long as it is used. -#}
    coalesce(
        {{ plans }}.included_hosts,
        {{ plans }}.included_integrations,
        {{ plans }}.included_dashboards,
        {{ plans }}.included_metrics
    ) is not null
{%- endmacro %}
