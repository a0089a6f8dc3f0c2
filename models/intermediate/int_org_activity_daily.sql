{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'metric_date'},
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

    from {{ ref('int_web_session_orgs_matched') }}

    where {{ in_window('session_date') }}

),

events_by_day as (

    select
        org_id,
        event_date as metric_date,
        count(*) as log_events,
        count(distinct user_id) as active_users,
        sum(case when is_error then 1 else 0 end) as error_events

    from events

    group by 1, 2

),

sessions_by_day as (

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

final as (

    select
        coalesce(events_by_day.org_id, sessions_by_day.org_id) as org_id,
        coalesce(events_by_day.log_events, 0) as log_events,
        coalesce(events_by_day.active_users, 0) as active_users,
        cast(coalesce(events_by_day.error_events, 0) as bigint) as error_events,
        coalesce(sessions_by_day.sessions, 0) as sessions,
        cast(
            round(coalesce(sessions_by_day.session_seconds, 0) / 60.0, 2)
            as numeric(38, 2)
        ) as session_minutes,
        coalesce(
            events_by_day.metric_date, sessions_by_day.metric_date
        ) as metric_date

    from events_by_day

    full outer join sessions_by_day
        on
            events_by_day.org_id = sessions_by_day.org_id
            and events_by_day.metric_date = sessions_by_day.metric_date

)

select * from final
