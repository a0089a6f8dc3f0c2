with requests as (

    select * from {{ source('web', 'raw_web_logs') }}

),

dated_requests as (

    select
        *,
        cast(requested_at as date) as request_date,
        -- The last path segment, without query string and fragment.
        regexp_replace(
            split_part(split_part(path, '?', 1), '#', 1), '^.*/', ''
        ) as file_name

    from requests

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
        dt as partition_date,
        requested_at

    from dated_requests

    where request_date between dt - {{ var('late_arrival_days') }} and dt

)

select * from final
