{#- A session of a user whose org is known is in one day of that org. -#}
with sessions_counted as (

    select
        session_date as metric_date,
        1 as sessions,
        0 as sessions_of_days

    from {{ ref('fct_web_sessions') }}

    where
        org_id is not null
        and session_date between {{ window_from() }} and {{ data_date() }}

    union all

    select
        metric_date,
        0 as sessions,
        sessions as sessions_of_days

    from {{ ref('int_org_activity_daily') }}

    where metric_date between {{ window_from() }} and {{ data_date() }}

)

select
    sum(sessions) as sessions,
    sum(sessions_of_days) as sessions_of_days,
    metric_date

from sessions_counted

group by metric_date

having sum(sessions) != sum(sessions_of_days)
