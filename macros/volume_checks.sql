{% macro told_alarms(query, error_var) -%}
    {#-
        A test that says what it found. `query` gives one row per alarm, with its
        `share` of the usual and a `message`. A share below the var is an error
        whose text is the messages; the others are logged, and the test's own severity
        decides. Elsewhere than in a test the query is given back as it stands.
    -#}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- set errors = [] -%}
        {%- for alarm in run_query(query).rows -%}
            {%- if alarm['share'] < var(error_var) -%}
                {%- do errors.append(alarm['message']) -%}
            {%- else -%}
                {%- do log(alarm['message'], info=True) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if errors -%}
            {%- do errors.append(
                'If that is right, lower ' ~ error_var ~ ' in dbt_project.yml and '
                ~ 'run again.'
            ) -%}
            {{ exceptions.raise_compiler_error(errors | join('\n  ')) }}
        {%- endif -%}
    {%- endif -%}
    {{ query }}
{%- endmacro %}


{% macro usual_share(value, usual) -%}
    {#- How much of the usual there is; all of it where nothing is usual. -#}
    coalesce(
        cast({{ value }} as double precision)
        / nullif(cast({{ usual }} as double precision), 0),
        1
    )
{%- endmacro %}


{% macro first_data_date() -%}
    {#- The first of the days that the run is after, late days aside. -#}
    ({{ window_from() }} + {{ var('late_arrival_days') + 1 }})
{%- endmacro %}
