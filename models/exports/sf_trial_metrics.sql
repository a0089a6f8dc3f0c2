{{ config(dist='all', sort=['org_id__c']) }}

with trial_metrics as (

    select * from {{ ref('sf_trial_metrics_by_date') }}

),

final as (

    select
        org_id__c,
        org_name__c,
        generated_date__c,
        trial_start_date__c,
        org_day__c,
        days_left_in_trial__c,
        billing_plan__c,
        is_paid__c,
        converted_on__c,
        {{ metric_columns('{metric}__c', '{metric}__c', 'is_in_salesforce') }},
        {{ metric_columns(
            'median_{metric}__c', 'median_{metric}__c', 'is_in_salesforce'
        ) }},
        active_days__c,
        active_users__c,
        last_active_date__c,
        target_attainment__c,
        interesting_reasons__c

    from trial_metrics

    where generated_date__c = {{ data_date() }}

)

select * from final
