{{ config(materialized='view') }}

with trial_metrics as (

    select * from {{ ref('fct_org_trial_metrics') }}

),

reasons as (

    select * from {{ ref('int_trial_reasons_flagged') }}

),

final as (

    -- Salesforce names and types, for every data date so each can be archived.
    select
        cast(trial_metrics.org_id as varchar(20)) as org_id__c,
        trial_metrics.org_name as org_name__c,
        trial_metrics.generated_date as generated_date__c,
        trial_metrics.trial_start_date as trial_start_date__c,
        trial_metrics.org_day as org_day__c,
        trial_metrics.days_left_in_trial as days_left_in_trial__c,
        trial_metrics.billing_plan_name as billing_plan__c,
        trial_metrics.is_paid as is_paid__c,
        trial_metrics.converted_on as converted_on__c,
        {{ metric_columns(
            'trial_metrics.{metric}', '{metric}__c', 'is_in_salesforce'
        ) }},
        {{ metric_columns(
            'trial_metrics.median_{metric}', 'median_{metric}__c',
            'is_in_salesforce'
        ) }},
        trial_metrics.active_days as active_days__c,
        trial_metrics.active_users as active_users__c,
        trial_metrics.last_active_date as last_active_date__c,
        -- Cast to numeric before rounding: a binary x.x5 can be slightly less.
        cast(
            round(
                cast(trial_metrics.target_attainment * 100 as numeric(38, 6)), 1
            )
            as numeric(38, 1)
        ) as target_attainment__c,
        reasons.reasons as interesting_reasons__c

    from trial_metrics

    left join reasons
        on
            trial_metrics.org_id = reasons.org_id
            and trial_metrics.generated_date = reasons.generated_date

)

select * from final
