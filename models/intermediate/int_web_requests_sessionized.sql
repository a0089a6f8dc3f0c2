{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'session_date'},
    dist='visitor_id',
    sort=['session_date', 'visitor_id']
) }}

{% set timeout_seconds = var('session_timeout_minutes') * 60 %}

with requests as (

    -- A session spans at most two dates. The day before the window shows
    -- whether the first requests continue a session of the previous evening.
    select
        visitor_id,
        user_id,
        user_agent,
        file_extension,
        path is not null as has_path,
        request_date,
        requested_at

    from {{ ref('stg_web__requests') }}

    where
        {{ in_window_and_before('request_date', 1) }}
        and {{ in_window_and_before('partition_date', 1) }}

),

requests_with_previous as (

    select
        *,
        lag(requested_at) over (
            partition by visitor_id
            order by requested_at
        ) as previous_requested_at

    from requests

),

requests_with_gap as (

    select
        *,
        cast(previous_requested_at as date) as previous_request_date,
        {{ dbt.datediff(
            'previous_requested_at', 'requested_at', 'second'
        ) }} as gap_seconds

    from requests_with_previous

),

continuous_days as (

    -- A continuous visitor has no long gap in the whole day. The gaps between
    -- midnight and the first and last request of the day count too.
    select
        visitor_id,
        request_date

    from requests_with_gap

    group by 1, 2

    having
        {{ dbt.datediff(
            'cast(request_date as timestamp)', 'min(requested_at)', 'second'
        ) }} <= {{ timeout_seconds }}
        and {{ dbt.datediff(
            'max(requested_at)', 'cast(request_date + 1 as timestamp)', 'second'
        ) }} <= {{ timeout_seconds }}
        and coalesce(
            max(
                case
                    when previous_request_date = request_date
                        then gap_seconds
                end
            ), 0
        ) <= {{ timeout_seconds }}

),

requests_with_start as (

    -- Continuous visitors are split at both midnights of the day. Otherwise
    -- their sessions would never end, and a window could not compute them.
    select
        requests.*,
        case
            when
                requests.gap_seconds <= {{ timeout_seconds }}
                and (
                    requests.previous_request_date = requests.request_date
                    or (
                        continuous_days.visitor_id is null
                        and previous_continuous_days.visitor_id is null
                    )
                )
                then 0
            else 1
        end as starts_session

    from requests_with_gap as requests

    left join continuous_days
        on
            requests.visitor_id = continuous_days.visitor_id
            and requests.request_date = continuous_days.request_date

    left join continuous_days as previous_continuous_days
        on
            requests.visitor_id = previous_continuous_days.visitor_id
            and requests.previous_request_date
            = previous_continuous_days.request_date

),

requests_in_sessions as (

    -- The latest start so far. Among requests of the same second, the start of
    -- the session comes first.
    select
        *,
        max(case when starts_session = 1 then requested_at end) over (
            partition by visitor_id
            order by requested_at asc, starts_session desc
            rows between unbounded preceding and current row
        ) as session_started_at

    from requests_with_start

),

final as (

    select
        visitor_id,
        user_id,
        user_agent,
        file_extension,
        has_path,
        cast(session_started_at as date) as session_date,
        session_started_at,
        requested_at

    from requests_in_sessions

    where {{ in_window('cast(session_started_at as date)') }}

)

select * from final
