{#- Both marts have the same number of accounts per state and day. -#}
with accounts_counted as (

    select
        to_state as account_state,
        orgs as orgs_in_flow,
        0 as orgs_in_activity,
        day

    from {{ ref('paid_account_flow') }}

    where
        to_state is not null
        and day between {{ window_from() }} and {{ data_date() }}

    union all

    select
        account_state,
        0 as orgs_in_flow,
        1 as orgs_in_activity,
        metric_date as day

    from {{ ref('org_activity') }}

    where
        account_state is not null
        and metric_date between {{ window_from() }} and {{ data_date() }}

)

select
    account_state,
    sum(orgs_in_flow) as orgs_in_flow,
    sum(orgs_in_activity) as orgs_in_activity,
    day

from accounts_counted

group by account_state, day

having sum(orgs_in_flow) != sum(orgs_in_activity)
