{#-
    SQL for each usage metric of the var `usage_metrics`. Models name the metrics only
    where they make them, in staging and in the day rollup.
-#}

{% macro usage_metrics(flag=none) -%}
    {#- Names of all metrics, or of those with a flag, in the list's order. -#}
    {%- set metrics = var('usage_metrics') -%}
    {%- if flag -%}
        {%- set metrics = metrics | selectattr(flag, 'defined') | selectattr(flag) -%}
    {%- endif -%}
    {{- return(metrics | map(attribute='name') | list) -}}
{%- endmacro %}


{% macro metric_columns(expression, alias='{metric}', flag=none) -%}
    {#- `expression as alias` for each metric; `{metric}` in both is its name. -#}
    {%- for metric in usage_metrics(flag) -%}
        {{ expression | replace('{metric}', metric) }} as {{
            alias | replace('{metric}', metric)
        }}{{ ',\n        ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{% macro metric_terms(expression, operator, flag=none) -%}
    {#- The expression of each metric, in parentheses, joined by an operator. -#}
    (
        {%- for metric in usage_metrics(flag) -%}
            ({{ expression | replace('{metric}', metric) }})
            {{- ' ' ~ operator ~ ' ' if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}


{% macro metric_names(flag=none) -%}
    {#- The names as a list of SQL literals, for `in`. -#}
    ({% for metric in usage_metrics(flag) -%}
        '{{ metric }}'{{ ', ' if not loop.last }}
    {%- endfor %})
{%- endmacro %}


{% macro unpivot_metrics(relation, keys) -%}
    {#-
        The metrics in long form: `keys`, metric_name, metric_value. Redshift allows one
        sort order per select, so medians need the long form.
    -#}
    {%- for metric in usage_metrics() %}
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
