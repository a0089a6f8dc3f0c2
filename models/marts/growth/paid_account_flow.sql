{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'day'},
    dist='all',
    sort=['day']
) }}

with account_states as (

    select
        org_id,
        account_state,
        metric_date

    from {{ ref('int_account_states_classified') }}

    where
        {{ in_window_and_before('metric_date', 1) }}
        and account_state is not null

),

first_loaded as (

    select min(metric_date) as first_day

    from {{ ref('int_account_states_classified') }}

),

state_changes as (

    -- New accounts have no yesterday; lost accounts have no today. The first
    -- day in the warehouse has no day before: it shows no change.
    select
        case
            when today.metric_date = first_loaded.first_day
                then today.account_state
            else yesterday.account_state
        end as from_state,
        today.account_state as to_state,
        coalesce(today.metric_date, yesterday.metric_date + 1) as day

    from account_states as today

    full outer join account_states as yesterday
        on
            today.org_id = yesterday.org_id
            and today.metric_date = yesterday.metric_date + 1

    cross join first_loaded

),

final as (

    select
        from_state,
        to_state,
        count(*) as orgs,
        coalesce(from_state, '') != coalesce(to_state, '') as is_change,
        day

    from state_changes

    where {{ in_window('day') }}

    group by from_state, to_state, day

)

select * from final
