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

attainments as (

    select *

    from {{ ref('int_org_target_attainment') }}

    where {{ in_window('generated_date') }}

),

billing_plans as (

    select * from {{ ref('billing_plans') }}

),

trials_to_call as (

    -- Who pays or has chosen the free plan has decided. Some days after its
    -- trial, an org has moved on.
    select
        trials.*,
        trials.last_active_date is null
        or trials.last_active_date
        <= trials.generated_date - {{ var('stalled_days') }} as is_silent

    from trials

    left join billing_plans
        on trials.billing_plan_id = billing_plans.billing_plan_id

    where
        not trials.is_paid
        and not {{ is_free_plan('billing_plans') }}
        and trials.org_day
        <= {{ var('trial_period_days') + var('follow_up_days') }}

),

trials_flagged as (

    -- The first days of a trial are too early to call it stalled.
    select
        trials.org_id,
        trials.generated_date,
        trials.is_silent,
        attainments.has_big_footprint,
        -- Not from the attainment, whose floating-point numbers are rounded.
        attainments.metrics_met > 0
        and attainments.metrics_met
        = attainments.metrics_to_meet as is_above_target,
        trials.org_day <= {{ var('fast_start_days') }}
        and attainments.metrics_met
        >= {{ var('fast_start_metrics') }} as is_fast_start,
        trials.org_day > {{ var('stalled_days') }}
        and trials.org_day <= {{ var('trial_period_days') }}
        and trials.is_silent as is_stalled

    from trials_to_call as trials

    left join attainments
        on
            trials.org_id = attainments.org_id
            and trials.generated_date = attainments.generated_date

),

reasons_concatenated as (

    -- Who has been silent for days is not about to buy, whatever was used
    -- before.
    select
        org_id,
        generated_date,
        case
            when is_silent
                then case when is_stalled then ',stalled' else '' end
            else
                case when is_above_target then ',above_target' else '' end
                || case when has_big_footprint then ',big_footprint' else '' end
                || case when is_fast_start then ',fast_start' else '' end
        end as reasons

    from trials_flagged

),

final as (

    select
        org_id,
        cast(nullif(substring(reasons, 2, 255), '') as varchar(255)) as reasons,
        generated_date

    from reasons_concatenated

)

select * from final
