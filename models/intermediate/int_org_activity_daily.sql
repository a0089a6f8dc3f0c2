{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    meta={'replaces': 'metric_date'},
    dist='org_id',
    sort=['metric_date', 'org_id']
) }}

with events as (

    select *

    from {{ ref('int_app_events_deduplicated') }}

    where {{ in_window('event_date') }}

),

sessions as (

    select *

    from {{ ref('fct_web_sessions') }}

    where
        {{ in_window('session_date') }}
        and org_id is not null

),

event_days as (

    select
        org_id,
        event_date as metric_date,
        count(*) as log_events,
        count(distinct user_id) as active_users,
        sum(case when is_error then 1 else 0 end) as error_events

    from events

    group by 1, 2

),

session_days as (

    select
        org_id,
        session_date as metric_date,
        count(*) as sessions,
        sum(
            {{ dbt.datediff('started_at', 'ended_at', 'second') }}
        ) as session_seconds

    from sessions

    group by 1, 2

),

days_listed as (

    select
        org_id,
        metric_date

    from event_days

    union all

    select
        org_id,
        metric_date

    from session_days

),

active_days as (

    select distinct
        org_id,
        metric_date

    from days_listed

),

final as (

    select
        active_days.org_id,
        coalesce(event_days.log_events, 0) as log_events,
        coalesce(event_days.active_users, 0) as active_users,
        cast(coalesce(event_days.error_events, 0) as bigint) as error_events,
        coalesce(session_days.sessions, 0) as sessions,
        cast(
            round(coalesce(session_days.session_seconds, 0) / 60.0, 2)
            as numeric(18, 2)
        ) as session_minutes,
        active_days.metric_date

    from active_days

    left join event_days
        on
            active_days.org_id = event_days.org_id
            and active_days.metric_date = event_days.metric_date

    left join session_days
        on
            active_days.org_id = session_days.org_id
            and active_days.metric_date = session_days.metric_date

)

select * from final
