{#- Which days to work on. All windows hang on `data_date`, never on the clock. -#}

{% macro data_date() -%}
    cast('{{ data_date_value() }}' as date)
{%- endmacro %}


{% macro data_date_value() -%}
    {%- if var('data_date', none) -%}
        {{- return(var('data_date')) -}}
    {%- endif -%}
    {{- return(newest_loaded_date()) -}}
{%- endmacro %}


{% macro newest_loaded_date() -%}
    {%- if not execute -%}
        {{- return(nothing_loaded()) -}}
    {%- endif -%}
    {%- set loads = source('ops', 'loads') -%}
    {%- if not load_relation(loads) -%}
        {{- return(nothing_loaded()) -}}
    {%- endif -%}
    {%- set newest = run_query(
        "select max(dt) from " ~ loads ~ " where source = 'orgs'"
    ) -%}
    {{- return((newest.columns[0].values()[0] or nothing_loaded()) | string) -}}
{%- endmacro %}


{% macro nothing_loaded() -%}
    {#- Before anything is loaded there is still a date, and nothing falls on it. -#}
    {{- return('1970-01-01') -}}
{%- endmacro %}


{% macro window_from() -%}
    {#-
        First day to compute anew. Late lines reach back late_arrival_days; the day
        before may change too, because a late request of the first of them can
        lengthen a session that began the evening before.
    -#}
    {%- set first = var('data_date_from', none) or data_date_value() -%}
    (cast('{{ first }}' as date) - {{ var('late_arrival_days') + 1 }})
{%- endmacro %}


{% macro in_window(day) -%}
    {#- Full refresh: everything up to the data date. Else: the window alone. -#}
    {%- if is_incremental() -%}
        {{ day }} between {{ window_from() }} and {{ data_date() }}
    {%- else -%}
        {{ day }} <= {{ data_date() }}
    {%- endif -%}
{%- endmacro %}


{% macro in_window_and_before(day, days) -%}
    {#- The window and `days` before it, for what a row of the window is made from. -#}
    {%- if is_incremental() -%}
        {{ day }} between {{ window_from() }} - {{ days }} and {{ data_date() }}
    {%- else -%}
        {{ day }} <= {{ data_date() }}
    {%- endif -%}
{%- endmacro %}


{% macro is_settled(day) -%}
    {#- Days before the window, whose rows stand. A full refresh has none. -#}
    {%- if is_incremental() -%}
        {{ day }} < {{ window_from() }}
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}
