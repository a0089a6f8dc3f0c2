{#-
    A few accounts with an invalid transition are a warning. More than 20 are an
    error, because they point to a corrupt orgs export.
-#}
{{ config(
    fail_calc='coalesce(sum(orgs), 0)',
    warn_if='> 0',
    error_if='> 20'
) }}

with flow as (

    select *

    from {{ ref('paid_account_flow') }}

    where day between {{ window_from() }} and {{ data_date() }}

),

account_transitions as (

    select * from {{ ref('account_transitions') }}

)

select
    flow.from_state,
    flow.to_state,
    flow.orgs,
    flow.day

from flow

left join account_transitions
    on
        coalesce(flow.from_state, '')
        = coalesce(account_transitions.from_state, '')
        and coalesce(flow.to_state, '')
        = coalesce(account_transitions.to_state, '')

where account_transitions.meaning is null
