{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'session_date'},
    dist='visitor_id',
    sort=['session_date', 'visitor_id']
) }}

with requests as (

    -- A session spans at most two dates. The day before the window shows
    -- whether the first requests continue a session of the previous evening.
    select *

    from {{ ref('stg_web__requests') }}

    where
        {{ in_window_and_before('request_date', 1) }}
        and {{ in_window_and_before('partition_date', 1) }}

),

requests_with_neighbours as (

    select
        *,
        lag(requested_at) over (
            partition by visitor_id
            order by requested_at
        ) as previous_requested_at,
        min(requested_at) over (
            partition by visitor_id, request_date
        ) as first_requested_at,
        max(requested_at) over (
            partition by visitor_id, request_date
        ) as last_requested_at

    from requests

),

requests_flagged as (

    -- The gaps between midnight and the first and last request of a day count
    -- too: a continuous visitor has no long gap in the whole day.
    select
        *,
        {{ dbt.datediff(
            'cast(request_date as timestamp)', 'first_requested_at', 'second'
        ) }} <= {{ var('session_timeout_minutes') }} * 60
        and {{ dbt.datediff(
            'last_requested_at', 'cast(request_date + 1 as timestamp)', 'second'
        ) }} <= {{ var('session_timeout_minutes') }} * 60
        and coalesce(
            max(
                case
                    when cast(previous_requested_at as date) = request_date
                        then {{ dbt.datediff(
                            'previous_requested_at', 'requested_at', 'second'
                        ) }}
                end
            ) over (
                partition by visitor_id, request_date
            ), 0
        ) <= {{ var('session_timeout_minutes') }} * 60 as is_continuous

    from requests_with_neighbours

),

requests_with_start as (

    -- Continuous visitors are split at both midnights of the day. Otherwise
    -- their sessions would never end, and a window could not compute them.
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
                and (
                    is_continuous
                    or lag(is_continuous) over (
                        partition by visitor_id
                        order by requested_at
                    )
                )
                then 1
            else 0
        end as starts_session

    from requests_flagged

),

requests_numbered as (

    -- Among requests of the same second, the session start comes first.
    select
        *,
        sum(starts_session) over (
            partition by visitor_id
            order by requested_at asc, starts_session desc
            rows between unbounded preceding and current row
        ) as session_number

    from requests_with_start

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
