{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    meta={'replaces': 'session_date'},
    dist='visitor_id',
    sort=['session_date', 'org_id']
) }}

with requests as (

    select *

    from {{ ref('int_web_requests_sessionized') }}

    where {{ in_window('session_date') }}

),

user_orgs as (

    select *

    from {{ ref('int_user_orgs_daily') }}

    where
        {{ in_window_and_before('event_date', var('user_org_lookback_days')) }}

),

bot_patterns as (

    select * from {{ ref('bot_patterns') }}

),

bot_user_agents as (

    select distinct user_agents.user_agent

    from (select distinct user_agent from requests) as user_agents

    inner join bot_patterns
        on position(
            lower(bot_patterns.pattern) in lower(user_agents.user_agent)
        ) > 0

),

sessions as (

    select
        requests.session_id,
        requests.visitor_id,
        requests.user_id,
        requests.session_date,
        min(requests.requested_at) as started_at,
        max(requests.requested_at) as ended_at,
        count(*) as requests,
        sum(case when requests.is_page_view then 1 else 0 end) as page_views,
        max(
            case when bot_user_agents.user_agent is null then 0 else 1 end
        ) as bot_requests

    from requests

    left join bot_user_agents
        on requests.user_agent = bot_user_agents.user_agent

    group by 1, 2, 3, 4

),

session_orgs_ranked as (

    -- A session's org is where its user was last active, that day included.
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
        cast(sessions.page_views as bigint) as page_views,
        sessions.bot_requests > 0 as is_bot,
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
