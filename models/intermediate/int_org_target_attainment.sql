{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    meta={'replaces': 'generated_date'},
    dist='org_id',
    sort=['generated_date', 'org_id']
) }}

with trials as (

    select *

    from {{ ref('int_org_trials_summarised') }}

    where {{ in_window('generated_date') }}

),

targets as (

    select *

    from {{ ref('trial_target_metrics') }}

    where
        {{ in_window('generated_date') }}
        and cohort = 'converted'

),

metric_values as (

    {{ unpivot_metrics('trials', ['org_id', 'generated_date']) }}

),

metrics_against_targets as (

    -- A target of 0 asks for nothing and says nothing.
    select
        metric_values.org_id,
        metric_values.generated_date,
        least(
            1,
            cast(metric_values.metric_value as double precision)
            / nullif(cast(targets.median_value as double precision), 0)
        ) as attainment,
        case
            when metric_values.metric_value >= targets.median_value then 1
            else 0
        end as is_met,
        case
            when
                metric_values.metric_name in ('hosts', 'metrics')
                and targets.p75 > 0
                and metric_values.metric_value
                >= targets.p75 * {{ var('big_footprint_factor') }}
                then 1
            else 0
        end as is_big

    from metric_values

    inner join targets
        on
            metric_values.generated_date = targets.generated_date
            and metric_values.metric_name = targets.metric_name

    where
        targets.median_value > 0
        and metric_values.metric_value is not null

),

final as (

    select
        org_id,
        count(attainment) as metrics_with_target,
        sum(is_met) as metrics_met,
        avg(attainment) as target_attainment,
        max(is_big) = 1 as has_big_footprint,
        generated_date

    from metrics_against_targets

    group by org_id, generated_date

)

select * from final
