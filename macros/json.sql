{% macro select_json_strings(relation, array, name, keys) -%}
    {#-
        One row per string of a JSON array, with the columns in `keys`. The strings lose
        trailing blanks, which Redshift ignores when it compares texts.
    -#}
    {{- return(adapter.dispatch('select_json_strings', 'nightshift')(
        relation, array, name, keys
    )) -}}
{%- endmacro %}

{% macro default__select_json_strings(relation, array, name, keys) -%}
    select
        {{ keys | join(', ') }},
        rtrim(unnest(from_json({{ array }}, '["VARCHAR"]')), ' ') as {{ name }}

    from {{ relation }}
{%- endmacro %}

{% macro redshift__select_json_strings(relation, array, name, keys) -%}
    select
        {% for key in keys -%} {{ relation }}.{{ key }}, {% endfor %}
        rtrim(cast(element as varchar(65535)), ' ') as {{ name }}

    from {{ relation }}, {{ relation }}.{{ array }} as element
{%- endmacro %}
