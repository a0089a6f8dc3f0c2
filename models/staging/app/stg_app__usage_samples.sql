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

    -- A sample belongs to its own day; too late or too early never counts.
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
