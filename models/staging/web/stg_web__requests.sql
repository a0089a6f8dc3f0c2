with requests as (

    select * from {{ source('web', 'raw_web_logs') }}

),

trimmed_requests as (

    select
        user_id,
        {{ without_trailing_blanks('client_address') }} as client_address,
        {{ without_trailing_blanks('user_agent') }} as user_agent,
        {{ without_trailing_blanks('method') }} as method,
        {{ without_trailing_blanks('path') }} as path,
        status,
        response_bytes,
        cast(requested_at as date) as request_date,
        dt as partition_date,
        requested_at

    from requests

),

requests_with_file_name as (

    -- The last path segment, without query string and fragment.
    select
        *,
        case
            when position('.' in path) > 0
                then regexp_replace(
                    split_part(split_part(path, '?', 1), '#', 1), '^.*/', ''
                )
        end as file_name

    from trimmed_requests

),

final as (

    -- Requests outside the late-arrival period are never counted.
    select
        user_id,
        coalesce(
            cast(user_id as varchar(65535)),
            md5(client_address || '|' || user_agent)
        ) as visitor_id,
        client_address,
        user_agent,
        method,
        path,
        case
            when position('.' in file_name) > 0
                then lower(regexp_replace(file_name, '^.*[.]', ''))
        end as file_extension,
        status,
        response_bytes,
        request_date,
        partition_date,
        requested_at

    from requests_with_file_name

    where
        request_date
        between partition_date - {{ var('late_arrival_days') }}
        and partition_date

)

select * from final
