{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    meta={'replaces': 'session_date'},
    dist='visitor_id',
    sort=['session_date', 'visitor_id']
) }}

with requests as (

    -- A session covers two dates at most, so the day before the window tells
    -- whether its first requests go on with a session of the evening before.
    select *

    from {{ ref('stg_web__requests') }}

    where
        {{ in_window_and_before('request_date', 1) }}
        and {{ in_window_and_before('partition_date', 1) }}

),

visitor_days as (

    select *

    from {{ ref('int_web_visitor_days_paced') }}

    where {{ in_window_and_before('request_date', 1) }}

),

requests_after_previous as (

    select
        requests.*,
        visitor_days.is_ceaseless,
        lag(requests.requested_at) over (
            partition by requests.visitor_id
            order by requests.requested_at
        ) as previous_requested_at,
        lag(visitor_days.is_ceaseless) over (
            partition by requests.visitor_id
            order by requests.requested_at
        ) as was_ceaseless

    from requests

    inner join visitor_days
        on
            requests.visitor_id = visitor_days.visitor_id
            and requests.request_date = visitor_days.request_date

),

requests_starting as (

    -- Who never rests is split at midnight, on both sides of that day; else
    -- such a session had no end and could not be computed from a few days.
    select
        *,
        case
            when previous_requested_at is null
                then 1
            when
                {{ dbt.datediff(
                    'previous_requested_at', 'requested_at', 'second'
                ) }} > {{ var('session_timeout_minutes') }} * 60
                then 1
            when
                cast(previous_requested_at as date) != request_date
                and (is_ceaseless or was_ceaseless)
                then 1
            else 0
        end as starts_session

    from requests_after_previous

),

requests_numbered as (

    -- Of requests in the same second, the one that starts a session is first.
    select
        *,
        sum(starts_session) over (
            partition by visitor_id
            order by requested_at asc, starts_session desc
            rows between unbounded preceding and current row
        ) as session_number

    from requests_starting

),

requests_in_sessions as (

    select
        *,
        min(requested_at) over (
            partition by visitor_id, session_number
        ) as session_started_at

    from requests_numbered

),

final as (

    select
        {{ session_key('visitor_id', 'session_started_at') }} as session_id,
        visitor_id,
        user_id,
        user_agent,
        file_extension,
        path is not null as has_path,
        cast(session_started_at as date) as session_date,
        requested_at

    from requests_in_sessions

    where {{ in_window('cast(session_started_at as date)') }}

)

select * from final
