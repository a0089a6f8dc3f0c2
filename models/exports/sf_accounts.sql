{{ config(dist='all', sort=['nightshift_org_id__c']) }}

with org_activity as (

    select *

    from {{ ref('org_activity') }}

    where metric_date <= {{ data_date() }}

),

accounts as (

    select *

    from org_activity

    where
        metric_date = {{ data_date() }}
        and not is_internal

),

four_weeks_before as (

    -- The name of the field fixes the period. Usage on a day without samples is
    -- unknown, not zero.
    select
        org_id,
        hosts

    from org_activity

    where
        metric_date = {{ data_date() }} - 28
        and has_samples

),

last_active_days as (

    select
        org_id,
        max(metric_date) as last_active_date

    from org_activity

    where log_events > 0

    group by 1

),

final as (

    select
        cast(accounts.org_id as varchar(20)) as nightshift_org_id__c,
        accounts.account_state as account_state__c,
        accounts.billing_plan_name as billing_plan__c,
        accounts.hosts as hosts__c,
        {{ difference('accounts.hosts', 'four_weeks_before.hosts') }}
            as hosts_change_28_days__c,
        last_active_days.last_active_date as last_active_date__c

    from accounts

    left join four_weeks_before
        on
            accounts.org_id = four_weeks_before.org_id
            and accounts.has_samples

    left join last_active_days
        on accounts.org_id = last_active_days.org_id

)

select * from final
