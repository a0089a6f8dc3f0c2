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

session_orgs_ranked as (

    -- The org in which the user was last active, up to the session date.
    select
        sessions.session_id,
        user_orgs.org_id,
        sessions.session_date,
        sessions.started_at,
        sessions.ended_at,
        row_number() over (
            partition by sessions.session_id
            order by user_orgs.last_event_at desc, user_orgs.last_event_id desc
        ) as recency

    from sessions

    inner join user_orgs
        on
            sessions.user_id = user_orgs.user_id
            and user_orgs.event_date
            between sessions.session_date - {{ var('user_org_lookback_days') }}
            and sessions.session_date

),

final as (

    select
        session_id,
        org_id,
        session_date,
        started_at,
        ended_at

    from session_orgs_ranked

    where recency = 1

)

select * from final
