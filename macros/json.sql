{% macro select_json_strings(relation, array, name, keys) -%}
    {#-
        The strings of a JSON array, with the columns in `keys`. A string that occurs
        more than once for the same keys can be in one row or in several. The strings
        lose trailing blanks, which Redshift ignores when it compares texts.
    -#}
    {{- return(adapter.dispatch('select_json_strings', 'nightshift')(
        relation, array, name, keys
    )) -}}
{%- endmacro %}

{% macro default__select_json_strings(relation, array, name, keys) -%}
    {#- Most arrays of the same keys are equal, so each is parsed once. -#}
    select
        {{ keys | join(', ') }},
        rtrim(unnest(from_json({{ array }}, '["VARCHAR"]')), ' ') as {{ name }}

    from (
        select distinct
            {{ keys | join(', ') }},
            {{ array }}

        from {{ relation }}
    ) as distinct_arrays
{%- endmacro %}

{% macro redshift__select_json_strings(relation, array, name, keys) -%}
    select
        {% for key in keys -%} {{ relation }}.{{ key }}, {% endfor %}
        rtrim(cast(element as varchar(65535)), ' ') as {{ name }}

    from {{ relation }}, {{ relation }}.{{ array }} as element
{%- endmacro %}
