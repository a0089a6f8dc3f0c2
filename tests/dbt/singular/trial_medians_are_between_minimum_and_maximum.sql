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
        {{ metric_columns('min(trial_days.{metric})', 'min_{metric}') }},
        {{ metric_columns('max(trial_days.{metric})', 'max_{metric}') }}

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
    or {{ metric_terms(
        'trial_metrics.median_{metric} not between '
        ~ 'extremes.min_{metric} and extremes.max_{metric}', 'or'
    ) }}
    or {{ metric_terms(
        'trial_metrics.max_{metric} != extremes.max_{metric}', 'or'
    ) }}
