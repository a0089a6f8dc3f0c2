{#- Each session with an org is counted in exactly one day of that org. -#}
with sessions_counted as (

    select
        session_date as metric_date,
        1 as sessions,
        0 as daily_sessions

    from {{ ref('fct_web_sessions') }}

    where
        org_id is not null
        and session_date between {{ window_from() }} and {{ data_date() }}

    union all

    select
        metric_date,
        0 as sessions,
        sessions as daily_sessions

    from {{ ref('int_org_activity_daily') }}

    where metric_date between {{ window_from() }} and {{ data_date() }}

)

select
    sum(sessions) as sessions,
    sum(daily_sessions) as daily_sessions,
    metric_date

from sessions_counted

group by metric_date

having sum(sessions) != sum(daily_sessions)
