{% macro session_key(visitor_id, started_at) -%}
    {#- A session is known by its visitor and its start, which do not move. -#}
    md5(
        {{ visitor_id }} || '|' || {{ seconds_text(started_at) }}
    )
{%- endmacro %}


{% macro seconds_text(moment) -%}
    {#- `YYYY-MM-DD HH:MM:SS`, the same on every engine. -#}
    {{- return(adapter.dispatch('seconds_text', 'nightshift')(moment)) -}}
{%- endmacro %}

{% macro default__seconds_text(moment) -%}
    strftime({{ moment }}, '%Y-%m-%d %H:%M:%S')
{%- endmacro %}

{% macro redshift__seconds_text(moment) -%}
    to_char({{ moment }}, 'YYYY-MM-DD HH24:MI:SS')
{%- endmacro %}
