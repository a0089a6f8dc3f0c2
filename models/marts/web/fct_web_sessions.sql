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

session_orgs as (

    select *

    from {{ ref('int_web_session_orgs_matched') }}

    where {{ in_window('session_date') }}

),

final as (

    select
        sessions.session_id,
        sessions.visitor_id,
        sessions.user_id,
        session_orgs.org_id,
        sessions.requests,
        sessions.page_views,
        sessions.is_bot,
        sessions.session_date,
        sessions.started_at,
        sessions.ended_at

    from sessions

    left join session_orgs
        on sessions.session_id = session_orgs.session_id

)

select * from final
