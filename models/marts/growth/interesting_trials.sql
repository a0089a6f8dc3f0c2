{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'generated_date'},
    dist='org_id',
    sort=['generated_date', 'org_id']
) }}

with trial_metrics as (

    select *

    from {{ ref('fct_org_trial_metrics') }}

    where {{ in_window('generated_date') }}

),

reasons as (

    select *

    from {{ ref('int_trial_reasons_flagged') }}

    where
        {{ in_window('generated_date') }}
        and reasons is not null

),

reason_codes as (

    select * from {{ ref('reason_codes') }}

),

reasons_with_meanings as (

    -- The surrounding commas prevent a match inside a longer code.
    select
        reasons.org_id,
        reasons.generated_date,
        reasons.reasons,
        sum(reason_codes.weight) as weight,
        {{ dbt.listagg(
            'reason_codes.meaning', "'. '", 'order by reason_codes.weight desc'
        ) }} as meanings

    from reasons

    inner join reason_codes
        on position(
            ',' || reason_codes.reason_code || ','
            in ',' || reasons.reasons || ','
        ) > 0

    group by 1, 2, 3

),

final as (

    -- Running trials come before trials that are over. Attainment is rounded
    -- so that floating-point noise does not decide the rank. Ties are broken by
    -- days left, then by hosts.
    select
        trial_metrics.org_id,
        trial_metrics.billing_plan_id,
        trial_metrics.org_name,
        trial_metrics.billing_plan_name,
        reasons_with_meanings.reasons,
        cast(
            reasons_with_meanings.meanings || '.' as varchar(1024)
        ) as reasons_in_words,
        row_number() over (
            partition by trial_metrics.generated_date
            order by
                case
                    when
                        trial_metrics.org_day
                        <= {{ var('trial_period_days') }} then 0
                    else 1
                end asc,
                reasons_with_meanings.weight desc,
                coalesce(
                    round(
                        cast(
                            trial_metrics.target_attainment as numeric(38, 6)
                        ), 4
                    ), 0
                ) desc,
                trial_metrics.days_left_in_trial asc,
                coalesce(trial_metrics.hosts, 0) desc,
                trial_metrics.org_id asc
        ) as trial_rank,
        trial_metrics.org_day,
        trial_metrics.days_left_in_trial,
        {{ metric_columns('trial_metrics.{metric}') }},
        trial_metrics.active_days,
        trial_metrics.active_users,
        trial_metrics.target_attainment,
        trial_metrics.generated_date,
        trial_metrics.trial_start_date,
        trial_metrics.last_active_date

    from trial_metrics

    inner join reasons_with_meanings
        on
            trial_metrics.org_id = reasons_with_meanings.org_id
            and trial_metrics.generated_date
            = reasons_with_meanings.generated_date

)

select * from final
