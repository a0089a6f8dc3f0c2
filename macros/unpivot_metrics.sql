{% macro unpivot_metrics(relation, keys) -%}
    {#-
        The four usage metrics in long form: `keys`, metric_name, metric_value.
        Redshift allows one sort order per select, so medians need the long form.
    -#}
    {%- for metric in ['hosts', 'integrations', 'dashboards', 'metrics'] %}
    select
        {{ keys | join(', ') }},
        '{{ metric }}' as metric_name,
        {{ metric }} as metric_value

    from {{ relation }}
    {% if not loop.last %}
    union all
    {% endif -%}
    {%- endfor -%}
{%- endmacro %}
