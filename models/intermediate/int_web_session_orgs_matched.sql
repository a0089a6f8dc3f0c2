{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'session_date'},
    dist='org_id',
    sort=['session_date', 'org_id']
) }}

with sessions as (

    select *

    from {{ ref('int_web_sessions_counted') }}

    where
        {{ in_window('session_date') }}
        and user_id is not null

),

user_orgs as (

    select *

    from {{ ref('int_user_orgs_daily') }}

    where
        {{ in_window_and_before('event_date', var('user_org_lookback_days')) }}

),

user_days as (

    select distinct
        user_id,
        session_date

    from sessions

),

last_event_days as (

    -- The org in which the user was last active, up to the session date.
    select
        user_days.user_id,
        user_days.session_date,
        max(user_orgs.event_date) as event_date

    from user_days

    inner join user_orgs
        on
            user_days.user_id = user_orgs.user_id
            and user_orgs.event_date
            between user_days.session_date
            - {{ var('user_org_lookback_days') }}
            and user_days.session_date

    group by 1, 2

),

final as (

    select
        sessions.session_id,
        user_orgs.org_id,
        sessions.session_date,
        sessions.started_at,
        sessions.ended_at

    from sessions

    inner join last_event_days
        on
            sessions.user_id = last_event_days.user_id
            and sessions.session_date = last_event_days.session_date

    inner join user_orgs
        on
            last_event_days.user_id = user_orgs.user_id
            and last_event_days.event_date = user_orgs.event_date

)

select * from final
