{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'request_date'},
    sort=['request_date', 'visitor_id']
) }}

with requests as (

    select *

    from {{ ref('stg_web__requests') }}

    where
        {{ in_window('request_date') }}
        and {{ in_window('partition_date') }}

),

requests_with_previous as (

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
        ) as longest_gap_seconds

    from requests_with_previous

    group by 1, 2

),

days_with_gaps as (

    -- The gaps between midnight and the first and last request count too: a
    -- continuous visitor has no long gap in the whole day.
    select
        *,
        {{ dbt.datediff(
            'cast(request_date as timestamp)', 'first_requested_at', 'second'
        ) }} as first_gap_seconds,
        {{ dbt.datediff(
            'last_requested_at', 'cast(request_date + 1 as timestamp)', 'second'
        ) }} as last_gap_seconds

    from requests_by_day

),

final as (

    select
        visitor_id,
        requests,
        first_gap_seconds <= {{ var('session_timeout_minutes') }} * 60
        and last_gap_seconds <= {{ var('session_timeout_minutes') }} * 60
        and coalesce(longest_gap_seconds, 0)
        <= {{ var('session_timeout_minutes') }} * 60 as is_continuous,
        request_date,
        first_requested_at,
        last_requested_at

    from days_with_gaps

)

select * from final
