-- Trial metrics --------------------------------------------------------------------

create or replace temp table trials as
with nights as (
    select org_id, metric_date as generated_date, trial_start_date, org_day, is_paid,
        org_name, billing_plan_id, billing_plan_name
    from org_days
    where not is_internal and org_day between 1 and 43
        and metric_date in (select metric_date from states where is_own_day)
)
select nights.*, greatest(0, 14 - nights.org_day) as days_left_in_trial,
    min(days.metric_date) filter (plans.is_paid) as converted_on,
    min(days.org_day) filter (plans.is_paid) as days_to_convert,
    count(*) filter (is_in_trial) as trial_days,
    arg_max(hosts, days.org_day) filter (is_in_trial) as hosts,
    arg_max(integrations, days.org_day) filter (is_in_trial) as integrations,
    arg_max(dashboards, days.org_day) filter (is_in_trial) as dashboards,
    arg_max(metrics, days.org_day) filter (is_in_trial) as metrics,
    max(hosts) filter (is_in_trial) as max_hosts,
    max(integrations) filter (is_in_trial) as max_integrations,
    max(dashboards) filter (is_in_trial) as max_dashboards,
    max(metrics) filter (is_in_trial) as max_metrics,
    median(hosts) filter (is_in_trial) as median_hosts,
    median(integrations) filter (is_in_trial) as median_integrations,
    median(dashboards) filter (is_in_trial) as median_dashboards,
    median(metrics) filter (is_in_trial) as median_metrics,
    count(*) filter (is_in_trial and log_events > 0) as active_days,
    max(days.metric_date) filter (log_events > 0) as last_active_date,
    max(active_users) filter (is_in_trial) as active_users,
    coalesce(sum(log_events) filter (is_in_trial), 0) as log_events,
    coalesce(sum(sessions) filter (is_in_trial), 0) as sessions
from nights
inner join plain.fct_org_day as days
    on days.org_id = nights.org_id
    and days.trial_start_date = nights.trial_start_date
    and days.metric_date <= nights.generated_date
left join staging.billing_plans as plans
    on plans.billing_plan_id = days.billing_plan_id
where days.metric_date > getvariable('first_day') - 44
group by all;

create or replace temp table cohorts as
with snapshots as (
    select org_id, generated_date, trial_start_date, is_paid, hosts, integrations,
        dashboards, metrics
    from plain.fct_org_trial_metrics
    where generated_date >= getvariable('first_day') - 90
        and generated_date < getvariable('first_day')
    union all by name
    select org_id, generated_date, trial_start_date, is_paid, hosts, integrations,
        dashboards, metrics
    from trials
),
nights as (select distinct generated_date as night from trials),
last_seen as (
    select night, org_id, arg_max(snapshots, generated_date) as snapshot
    from nights
    inner join snapshots on generated_date <= night
    group by night, org_id
)
select night as generated_date, snapshot.* exclude (generated_date),
    case
        when snapshot.is_paid then 'converted'
        when night - snapshot.trial_start_date + 1 > 14 then 'not_converted'
    end as cohort
from last_seen
where snapshot.trial_start_date > night - 90 and cohort is not null;

delete from plain.trial_target_metrics
where generated_date >= getvariable('first_day');
insert into plain.trial_target_metrics by name
select generated_date, cohort, metric_name, count(*) as orgs,
    quantile_cont(metric_value, 0.5) as median_value,
    quantile_cont(metric_value, 0.25) as p25, quantile_cont(metric_value, 0.75) as p75
from cohorts unpivot include nulls (
    metric_value for metric_name in (hosts, integrations, dashboards, metrics)
)
group by generated_date, cohort, metric_name;

delete from plain.trial_target_curve where generated_date >= getvariable('first_day');
insert into plain.trial_target_curve by name
with cohort_days as (
    select cohorts.generated_date, cohort, org_day, days.hosts, days.integrations,
        days.dashboards, days.metrics
    from cohorts
    inner join plain.fct_org_day as days
        on days.org_id = cohorts.org_id
        and days.trial_start_date = cohorts.trial_start_date
        and metric_date <= cohorts.generated_date
    where is_in_trial
),
medians as (
    select generated_date, cohort, org_day, median(hosts) as hosts,
        median(integrations) as integrations, median(dashboards) as dashboards,
        median(metrics) as metrics
    from cohort_days
    group by all
)
unpivot medians on hosts, integrations, dashboards, metrics
into name metric_name value median_value;

-- `least` would skip a null.
create or replace temp macro attained(value, target) as
    case when value >= target and target != 0 then 1 else value / nullif(target, 0) end;

create or replace temp table attainments as
with targets as (
    pivot (
        from plain.trial_target_metrics
        where cohort = 'converted' and generated_date >= getvariable('first_day')
    )
    on metric_name in ('hosts', 'integrations', 'dashboards', 'metrics')
    using first(cast(median_value as double)) as target, first(p75) as p75
    group by generated_date
),
ratios as (
    select trials.org_id, trials.generated_date,
        [
            attained(trials.hosts, hosts_target),
            attained(trials.integrations, integrations_target),
            attained(trials.dashboards, dashboards_target),
            attained(trials.metrics, metrics_target)
        ] as attained,
        [
            (trials.hosts >= hosts_target) and hosts_target > 0,
            (trials.integrations >= integrations_target) and integrations_target > 0,
            (trials.dashboards >= dashboards_target) and dashboards_target > 0,
            (trials.metrics >= metrics_target) and metrics_target > 0
        ] as met,
        (trials.hosts >= 2 * hosts_p75 and hosts_target > 0)
        or (trials.metrics >= 2 * metrics_p75 and metrics_target > 0)
            as has_big_footprint
    from trials
    inner join targets using (generated_date)
)
select org_id, generated_date, list_avg(attained) as target_attainment,
    len(list_filter(met, lambda each: each)) as metrics_met,
    len(list_filter(attained, lambda each: each is not null)) as metrics_to_meet,
    has_big_footprint
from ratios;

delete from plain.fct_org_trial_metrics
where generated_date >= getvariable('first_day');
insert into plain.fct_org_trial_metrics by name
select trials.*, target_attainment
from trials left join attainments using (org_id, generated_date);

delete from plain.org_trial_metrics_latest
where generated_date >= getvariable('first_day')
    or org_id in (select org_id from trials);
insert into plain.org_trial_metrics_latest by name
from plain.fct_org_trial_metrics
where generated_date >= getvariable('first_day')
qualify row_number() over (partition by org_id order by generated_date desc) = 1;
