{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'generated_date'},
    dist='org_id',
    sort=['generated_date', 'org_id']
) }}

with trials as (

    select *

    from {{ ref('int_org_trials_aggregated') }}

    where {{ in_window('generated_date') }}

),

targets as (

    select *

    from {{ ref('int_trial_targets_aggregated') }}

    where
        {{ in_window('generated_date') }}
        and cohort = 'converted'

),

metric_values as (

    {{ unpivot_metrics('trials', ['org_id', 'generated_date']) }}

),

metrics_with_targets as (

    -- A metric without a target, or with a target of 0, is left out. Negative
    -- usage is wrong, but possible; a target below 0 is not one to meet.
    select
        metric_values.org_id,
        metric_values.metric_name,
        metric_values.generated_date,
        least(
            1,
            cast(metric_values.metric_value as double precision)
            / nullif(cast(targets.median_value as double precision), 0)
        ) as attainment,
        targets.median_value > 0 as is_to_meet,
        targets.median_value > 0
        and metric_values.metric_value >= targets.median_value as is_met,
        metric_values.metric_name in {{ metric_names('makes_big_footprint') }}
        and targets.median_value > 0
        and metric_values.metric_value
        >= targets.p75 * {{ var('big_footprint_factor') }} as has_big_footprint

    from metric_values

    inner join targets
        on
            metric_values.generated_date = targets.generated_date
            and metric_values.metric_name = targets.metric_name

    where
        targets.median_value != 0
        and metric_values.metric_value is not null

),

attainments_by_metric as (

    select
        org_id,
        generated_date,
        {{ metric_columns(
            "max(case when metric_name = '{metric}' then attainment end)"
        ) }},
        count(attainment) as metrics_with_target,
        count(case when is_to_meet then 1 end) as metrics_to_meet,
        count(case when is_met then 1 end) as metrics_met,
        count(case when has_big_footprint then 1 end)
            as metrics_with_big_footprint

    from metrics_with_targets

    group by 1, 2

),

final as (

    -- A sum of floating-point numbers depends on the order of addition. This
    -- fixed order gives the same result in every build.
    select
        org_id,
        metrics_with_target,
        metrics_to_meet,
        metrics_met,
        {{ metric_terms('coalesce({metric}, 0)', '+') }}
        / metrics_with_target as target_attainment,
        metrics_with_big_footprint > 0 as has_big_footprint,
        generated_date

    from attainments_by_metric

)

select * from final
