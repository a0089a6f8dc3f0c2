{{ config(dist='org_id', sort=['org_id']) }}

with trial_metrics as (

    select *

    from {{ ref('fct_org_trial_metrics') }}

    where generated_date <= {{ data_date() }}

),

latest_dates as (

    select
        org_id,
        max(generated_date) as generated_date

    from trial_metrics

    group by 1

),

final as (

    select
        trial_metrics.org_id,
        trial_metrics.billing_plan_id,
        trial_metrics.org_name,
        trial_metrics.billing_plan_name,
        trial_metrics.org_day,
        trial_metrics.days_left_in_trial,
        trial_metrics.days_to_convert,
        trial_metrics.trial_days,
        trial_metrics.hosts,
        trial_metrics.integrations,
        trial_metrics.dashboards,
        trial_metrics.metrics,
        trial_metrics.max_hosts,
        trial_metrics.max_integrations,
        trial_metrics.max_dashboards,
        trial_metrics.max_metrics,
        trial_metrics.median_hosts,
        trial_metrics.median_integrations,
        trial_metrics.median_dashboards,
        trial_metrics.median_metrics,
        trial_metrics.active_days,
        trial_metrics.active_users,
        trial_metrics.log_events,
        trial_metrics.sessions,
        trial_metrics.target_attainment,
        trial_metrics.is_paid,
        trial_metrics.generated_date,
        trial_metrics.trial_start_date,
        trial_metrics.converted_on,
        trial_metrics.last_active_date

    from trial_metrics

    inner join latest_dates
        on
            trial_metrics.org_id = latest_dates.org_id
            and trial_metrics.generated_date = latest_dates.generated_date

)

select * from final
