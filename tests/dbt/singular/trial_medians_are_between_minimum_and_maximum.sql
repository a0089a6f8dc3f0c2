{#- A median outside this range includes days of another org or trial. -#}
with trial_metrics as (

    select *

    from {{ ref('fct_org_trial_metrics') }}

    where generated_date between {{ window_from() }} and {{ data_date() }}

),

trial_days as (

    select *

    from {{ ref('fct_org_day') }}

    where
        is_in_trial
        and metric_date between {{ window_from() }} - {{
            var('trial_period_days') + var('extra_conversion_period_days')
        }} and {{ data_date() }}

),

extremes as (

    select
        trial_metrics.org_id,
        trial_metrics.generated_date,
        min(trial_days.hosts) as min_hosts,
        max(trial_days.hosts) as max_hosts,
        min(trial_days.integrations) as min_integrations,
        max(trial_days.integrations) as max_integrations,
        min(trial_days.dashboards) as min_dashboards,
        max(trial_days.dashboards) as max_dashboards,
        min(trial_days.metrics) as min_metrics,
        max(trial_days.metrics) as max_metrics

    from trial_metrics

    inner join trial_days
        on
            trial_metrics.org_id = trial_days.org_id
            and trial_metrics.trial_start_date = trial_days.trial_start_date
            and trial_metrics.generated_date >= trial_days.metric_date

    group by 1, 2

)

select
    trial_metrics.org_id,
    trial_metrics.generated_date

from trial_metrics

left join extremes
    on
        trial_metrics.org_id = extremes.org_id
        and trial_metrics.generated_date = extremes.generated_date

where
    (trial_metrics.trial_days > 0) != (extremes.org_id is not null)
    or trial_metrics.median_hosts
    not between extremes.min_hosts and extremes.max_hosts
    or trial_metrics.max_hosts != extremes.max_hosts
    or trial_metrics.median_integrations
    not between extremes.min_integrations and extremes.max_integrations
    or trial_metrics.max_integrations != extremes.max_integrations
    or trial_metrics.median_dashboards
    not between extremes.min_dashboards and extremes.max_dashboards
    or trial_metrics.max_dashboards != extremes.max_dashboards
    or trial_metrics.median_metrics
    not between extremes.min_metrics and extremes.max_metrics
    or trial_metrics.max_metrics != extremes.max_metrics
