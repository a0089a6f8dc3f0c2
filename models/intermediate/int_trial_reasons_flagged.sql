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

attainments as (

    select *

    from {{ ref('int_org_target_attainment') }}

    where {{ in_window('generated_date') }}

),

flags as (

    -- Reasons are for sales: who pays already needs no call.
    select
        trials.org_id,
        trials.generated_date,
        not trials.is_paid
        and attainments.target_attainment >= 1 as is_above_target,
        not trials.is_paid
        and attainments.has_big_footprint as is_big_footprint,
        not trials.is_paid
        and trials.org_day <= {{ var('fast_start_days') }}
        and attainments.metrics_met
        >= {{ var('fast_start_metrics') }} as is_fast_start,
        not trials.is_paid
        and trials.org_day > {{ var('stalled_days') }}
        and trials.org_day <= {{ var('trial_period_days') }}
        and (
            trials.last_active_date is null
            or trials.last_active_date
            <= trials.generated_date - {{ var('stalled_days') }}
        ) as is_stalled

    from trials

    left join attainments
        on
            trials.org_id = attainments.org_id
            and trials.generated_date = attainments.generated_date

),

codes as (

    select
        *,
        case when is_above_target then ',above_target' else '' end
        || case when is_big_footprint then ',big_footprint' else '' end
        || case when is_fast_start then ',fast_start' else '' end
        || case when is_stalled then ',stalled' else '' end as reasons_listed

    from flags

),

final as (

    select
        org_id,
        cast(
            nullif(substring(reasons_listed, 2), '') as varchar(255)
        ) as reasons,
        generated_date

    from codes

)

select * from final
