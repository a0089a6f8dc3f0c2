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

trials_flagged as (

    -- The first days of a trial are too early to call it stalled.
    select
        trials.org_id,
        trials.generated_date,
        trials.is_paid,
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

reasons_concatenated as (

    -- Sales does not call orgs that already pay.
    select
        org_id,
        generated_date,
        case
            when is_paid
                then ''
            else
                case when is_above_target then ',above_target' else '' end
                || case when has_big_footprint then ',big_footprint' else '' end
                || case when is_fast_start then ',fast_start' else '' end
                || case when is_stalled then ',stalled' else '' end
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
