{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'session_date'},
    dist='visitor_id',
    sort=['session_date', 'org_id']
) }}

with sessions as (

    select *

    from {{ ref('int_web_sessions_counted') }}

    where {{ in_window('session_date') }}

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
        sessions.session_id,
        sessions.visitor_id,
        sessions.user_id,
        session_orgs_ranked.org_id,
        sessions.requests,
        sessions.page_views,
        sessions.is_bot,
        sessions.session_date,
        sessions.started_at,
        sessions.ended_at

    from sessions

    left join session_orgs_ranked
        on
            sessions.session_id = session_orgs_ranked.session_id
            and session_orgs_ranked.recency = 1

)

select * from final
