{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    meta={'replaces': 'request_date'},
    sort=['request_date', 'visitor_id']
) }}

with requests as (

    select *

    from {{ ref('stg_web__requests') }}

    where
        {{ in_window('request_date') }}
        and {{ in_window('partition_date') }}

),

requests_after_previous as (

    select
        visitor_id,
        request_date,
        requested_at,
        lag(requested_at) over (
            partition by visitor_id, request_date
            order by requested_at
        ) as previous_requested_at

    from requests

),

requests_by_day as (

    select
        visitor_id,
        request_date,
        min(requested_at) as first_requested_at,
        max(requested_at) as last_requested_at,
        count(*) as requests,
        max(
            {{ dbt.datediff(
                'previous_requested_at', 'requested_at', 'second'
            ) }}
        ) as longest_pause_seconds

    from requests_after_previous

    group by 1, 2

),

days_paced as (

    -- The pauses from midnight to the first request and from the last one to
    -- midnight count too: only who never rests all day long is ceaseless.
    select
        *,
        {{ dbt.datediff(
            'cast(request_date as timestamp)', 'first_requested_at', 'second'
        ) }} as first_pause_seconds,
        {{ dbt.datediff(
            'last_requested_at', 'cast(request_date + 1 as timestamp)', 'second'
        ) }} as last_pause_seconds

    from requests_by_day

),

final as (

    select
        visitor_id,
        requests,
        first_pause_seconds <= {{ var('session_timeout_minutes') }} * 60
        and last_pause_seconds <= {{ var('session_timeout_minutes') }} * 60
        and coalesce(longest_pause_seconds, 0)
        <= {{ var('session_timeout_minutes') }} * 60 as is_ceaseless,
        request_date,
        first_requested_at,
        last_requested_at

    from days_paced

)

select * from final
