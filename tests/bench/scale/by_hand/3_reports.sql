-- Reports --------------------------------------------------------------------------

create or replace temp table flags as
with called as (
    select trials.*,
        coalesce(last_active_date <= generated_date - 3, true) as is_silent
    from trials
    left join staging.billing_plans using (billing_plan_id)
    where not trials.is_paid and included_hosts is null and org_day <= 21
),
codes as (
    select org_id, generated_date, case
            when is_silent then [case when org_day between 4 and 14 then 'stalled' end]
            else [
                case when metrics_met > 0 and metrics_met = metrics_to_meet
                    then 'above_target' end,
                case when has_big_footprint then 'big_footprint' end,
                case when org_day <= 7 and metrics_met >= 2 then 'fast_start' end
            ]
        end as all_codes,
        list_filter(all_codes, lambda code: code is not null) as codes
    from called
    left join attainments using (org_id, generated_date)
)
select org_id, generated_date, codes, array_to_string(codes, ',') as reasons
from codes
where len(codes) > 0;

delete from plain.interesting_trials where generated_date >= getvariable('first_day');
insert into plain.interesting_trials by name
with meanings as (
    select org_id, generated_date, reasons, sum(weight) as weight,
        string_agg(meaning, '. ' order by weight desc) || '.' as reasons_in_words
    from (select *, unnest(codes) as reason_code from flags)
    inner join staging.reason_codes using (reason_code)
    group by org_id, generated_date, reasons
)
select org_id, billing_plan_id, org_name, billing_plan_name, reasons, reasons_in_words,
    row_number() over (
        partition by generated_date
        order by org_day > 14, weight desc,
            coalesce(round(target_attainment, 4), 0) desc, days_left_in_trial,
            coalesce(hosts, 0) desc, org_id
    ) as trial_rank,
    org_day, days_left_in_trial, hosts, integrations, dashboards, metrics, active_days,
    active_users, target_attainment, generated_date, trial_start_date, last_active_date
from plain.fct_org_trial_metrics
inner join meanings using (org_id, generated_date)
where generated_date >= getvariable('first_day');

delete from plain.paid_account_flow where day >= getvariable('first_day');
insert into plain.paid_account_flow by name
with states as (
    select org_id, metric_date, account_state
    from plain.org_activity
    where metric_date >= getvariable('first_day') - 1 and account_state is not null
)
select yesterday.account_state as from_state, today.account_state as to_state,
    coalesce(today.metric_date, yesterday.metric_date + 1) as day, count(*) as orgs,
    from_state is distinct from to_state as is_change
from states as today
full join states as yesterday
    on yesterday.org_id = today.org_id and yesterday.metric_date = today.metric_date - 1
where day between getvariable('first_day') and getvariable('last_day')
group by all;

delete from plain.free_account_usage where metric_date >= getvariable('first_day');
insert into plain.free_account_usage by name
select org_id, metric_date, billing_plan_id, org_name, billing_plan_name,
    (hosts >= included_hosts)::integer + (integrations >= included_integrations)::integer
    + (dashboards >= included_dashboards)::integer
    + (metrics >= included_metrics)::integer as limits_reached,
    hosts, included_hosts, hosts - included_hosts as hosts_above,
    integrations, included_integrations,
    integrations - included_integrations as integrations_above,
    dashboards, included_dashboards, dashboards - included_dashboards as dashboards_above,
    metrics, included_metrics, metrics - included_metrics as metrics_above
from plain.org_activity
inner join staging.billing_plans using (billing_plan_id)
where account_state = 'free' and metric_date >= getvariable('first_day')
    and limits_reached > 0;

delete from plain.big_customer_usage where metric_date >= getvariable('first_day');
insert into plain.big_customer_usage by name
with sampled as (
    select * from plain.org_activity
    where has_samples and metric_date >= getvariable('first_day') - 28
),
paid as (
    select * from plain.org_activity
    where account_state = 'paid' and metric_date >= getvariable('first_day')
),
ranked as (
    select paid.*, row_number() over (
            partition by paid.metric_date
            order by coalesce(latest.hosts, 0) desc, coalesce(latest.metrics, 0) desc,
                coalesce(latest.dashboards, 0) desc,
                coalesce(latest.integrations, 0) desc, paid.org_id
        ) as usage_rank
    from paid
    asof left join sampled as latest
        on latest.org_id = paid.org_id and latest.metric_date <= paid.metric_date
)
select ranked.org_id, ranked.metric_date, ranked.billing_plan_id, ranked.org_name,
    ranked.billing_plan_name, usage_rank, ranked.hosts, ranked.integrations,
    ranked.dashboards, ranked.metrics, ranked.has_samples,
    ranked.hosts - day.hosts as hosts_day_change,
    ranked.hosts - week.hosts as hosts_week_change,
    ranked.hosts - month.hosts as hosts_month_change,
    ranked.integrations - day.integrations as integrations_day_change,
    ranked.integrations - week.integrations as integrations_week_change,
    ranked.integrations - month.integrations as integrations_month_change,
    ranked.dashboards - day.dashboards as dashboards_day_change,
    ranked.dashboards - week.dashboards as dashboards_week_change,
    ranked.dashboards - month.dashboards as dashboards_month_change,
    ranked.metrics - day.metrics as metrics_day_change,
    ranked.metrics - week.metrics as metrics_week_change,
    ranked.metrics - month.metrics as metrics_month_change
from ranked
left join sampled as day on day.org_id = ranked.org_id and ranked.has_samples
    and day.metric_date = ranked.metric_date - 1
left join sampled as week on week.org_id = ranked.org_id and ranked.has_samples
    and week.metric_date = ranked.metric_date - 7
left join sampled as month on month.org_id = ranked.org_id and ranked.has_samples
    and month.metric_date = ranked.metric_date - 28;

delete from plain.trial_trends where cohort_week >= getvariable('first_day') - 51;
insert into plain.trial_trends by name
with outcomes as (
    select org_id, trial_start_date,
        cast(date_trunc('week', trial_start_date) as date) as cohort_week,
        min(org_day) as first_org_day,
        coalesce(max(hosts) filter (is_in_trial), 0) > 0
        and count(*) filter (is_in_trial and log_events > 0) >= 2 as is_activated,
        min(org_day) filter (is_paid) as days_to_convert
    from plain.fct_org_day
    left join staging.billing_plans using (billing_plan_id)
    group by org_id, trial_start_date
)
select cohort_week, count(*) as trials,
    count(*) filter (first_org_day > 1) as trials_seen_late,
    count(*) filter (is_activated) as activated, count(days_to_convert) as converted,
    case
        when max(trial_start_date) + 14 <= getvariable('last_day')
            and cohort_week + 6 <= getvariable('last_day')
            then converted / trials
    end as conversion_rate,
    median(days_to_convert) as median_days_to_convert,
    cohort_week + 48 <= getvariable('last_day') as is_settled
from outcomes
where cohort_week >= getvariable('first_day') - 51
group by cohort_week;

-- Salesforce -----------------------------------------------------------------------

create or replace table plain.sf_trial_metrics as
select cast(org_id as varchar) as org_id__c, org_name as org_name__c,
    generated_date as generated_date__c, trial_start_date as trial_start_date__c,
    org_day as org_day__c, days_left_in_trial as days_left_in_trial__c,
    billing_plan_name as billing_plan__c, is_paid as is_paid__c,
    converted_on as converted_on__c, hosts as hosts__c, integrations as integrations__c,
    dashboards as dashboards__c, metrics as metrics__c, median_hosts as median_hosts__c,
    median_integrations as median_integrations__c,
    median_dashboards as median_dashboards__c, median_metrics as median_metrics__c,
    active_days as active_days__c, active_users as active_users__c,
    last_active_date as last_active_date__c,
    cast(cast(target_attainment * 100 as numeric(38, 6)) as numeric(38, 1))
        as target_attainment__c,
    reasons as interesting_reasons__c
from plain.fct_org_trial_metrics
left join flags using (org_id, generated_date)
where generated_date = getvariable('last_day');

create or replace table plain.sf_accounts as
with last_active as (
    select org_id, max(metric_date) as last_active_date
    from plain.org_activity
    where log_events > 0
    group by org_id
)
select cast(today.org_id as varchar) as nightshift_org_id__c,
    today.account_state as account_state__c, today.billing_plan_name as billing_plan__c,
    today.hosts as hosts__c, today.hosts - before.hosts as hosts_change_28_days__c,
    last_active_date as last_active_date__c
from plain.org_activity as today
left join plain.org_activity as before
    on before.org_id = today.org_id and before.metric_date = today.metric_date - 28
    and before.has_samples and today.has_samples
left join last_active on last_active.org_id = today.org_id
where today.metric_date = getvariable('last_day') and not today.is_internal;
