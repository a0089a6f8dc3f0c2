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

medians as (

    select *

    from {{ ref('int_org_trial_medians') }}

    where {{ in_window('generated_date') }}

),

attainments as (

    select *

    from {{ ref('int_org_target_attainment') }}

    where {{ in_window('generated_date') }}

),

medians_by_trial as (

    select
        org_id,
        generated_date,
        {{ metric_columns(
            "max(case when metric_name = '{metric}' then median_value end)",
            'median_{metric}'
        ) }}

    from medians

    group by 1, 2

),

final as (

    select
        trials.org_id,
        trials.billing_plan_id,
        trials.org_name,
        trials.billing_plan_name,
        trials.org_day,
        trials.days_left_in_trial,
        trials.days_to_convert,
        trials.trial_days,
        {{ metric_columns('trials.{metric}') }},
        {{ metric_columns('trials.max_{metric}', 'max_{metric}') }},
        {{ metric_columns(
            'medians_by_trial.median_{metric}', 'median_{metric}'
        ) }},
        trials.active_days,
        trials.active_users,
        trials.log_events,
        trials.sessions,
        attainments.target_attainment,
        trials.is_paid,
        trials.generated_date,
        trials.trial_start_date,
        trials.converted_on,
        trials.last_active_date

    from trials

    left join medians_by_trial
        on
            trials.org_id = medians_by_trial.org_id
            and trials.generated_date = medians_by_trial.generated_date

    left join attainments
        on
            trials.org_id = attainments.org_id
            and trials.generated_date = attainments.generated_date

)

select * from final
