{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'session_date'},
    dist='visitor_id',
    sort=['session_date', 'visitor_id']
) }}

with requests as (

    select *

    from {{ ref('int_web_requests_sessionized') }}

    where {{ in_window('session_date') }}

),

static_file_types as (

    select * from {{ ref('static_file_types') }}

),

bot_patterns as (

    select * from {{ ref('bot_patterns') }}

),

user_agents as (

    -- Matching each distinct user agent once is cheaper than every request.
    select distinct user_agent from requests

),

bot_user_agents as (

    select distinct user_agents.user_agent

    from user_agents

    inner join bot_patterns
        on position(
            lower(bot_patterns.pattern) in lower(user_agents.user_agent)
        ) > 0

),

requests_classified as (

    select
        requests.*,
        requests.has_path
        and static_file_types.extension is null as is_page_view,
        bot_user_agents.user_agent is not null as is_bot

    from requests

    left join static_file_types
        on requests.file_extension = static_file_types.extension

    left join bot_user_agents
        on requests.user_agent = bot_user_agents.user_agent

),

final as (

    select
        {{ session_key('visitor_id', 'session_started_at') }} as session_id,
        visitor_id,
        user_id,
        count(*) as requests,
        count(case when is_page_view then 1 end) as page_views,
        count(case when is_bot then 1 end) > 0 as is_bot,
        session_date,
        session_started_at as started_at,
        max(requested_at) as ended_at

    from requests_classified

    group by visitor_id, user_id, session_date, session_started_at

)

select * from final
