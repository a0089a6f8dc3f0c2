{#- An expired account is in trial again only with a later trial start date. -#}
with org_activity as (

    select *

    from {{ ref('org_activity') }}

    where metric_date between {{ window_from() }} - 1 and {{ data_date() }}

)

select
    today.org_id,
    yesterday.trial_start_date as earlier_trial_start_date,
    today.trial_start_date,
    today.metric_date

from org_activity as today

inner join org_activity as yesterday
    on
        today.org_id = yesterday.org_id
        and today.metric_date = yesterday.metric_date + 1

where
    yesterday.account_state = 'expired'
    and today.account_state = 'trial'
    and today.trial_start_date <= yesterday.trial_start_date
