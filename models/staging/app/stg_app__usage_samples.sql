with samples as (

    select * from {{ source('app', 'raw_metrics') }}

),

dated_samples as (

    select
        *,
        cast(sampled_at as date) as metric_date

    from samples

),

final as (

    -- Samples outside the late-arrival period are never counted.
    select
        org_id,
        integrations,
        hosts,
        dashboards,
        metrics,
        metric_date,
        dt as partition_date,
        sampled_at

    from dated_samples

    where metric_date between dt - {{ var('late_arrival_days') }} and dt

)

select * from final
