"""What each tile shows, as plain SQL over the marts and ledgers.

The queries are written without LookML. `{day}` is the data date, `{weeks_ago_4}`,
`{weeks_ago_2}` and `{week_26}` are the first days of the dashboards' periods.
"""

SIZES = """case when hosts < 1 then 'Below 1' when hosts < 5 then '1 to 4'
    when hosts < 20 then '5 to 19' when hosts < 100 then '20 to 99'
    when hosts < 500 then '100 to 499' when hosts >= 500 then '500 or Above'
    else 'Undefined' end"""
# The latest successful or failed build of every model and date.
BUILDS = """(select * from ops.model_runs as this where status in ('success', 'failed')
    and finished_at = (select max(finished_at) from ops.model_runs as other
        where other.model = this.model and other.data_date = this.data_date
        and status in ('success', 'failed')))"""
LOADED = """(select * from ops.loads as this where status = 'loaded'
    and finished_at = (select max(finished_at) from ops.loads as other
        where other.source = this.source and other.dt = this.dt
        and status = 'loaded'))"""
TRIALS = """(select *, metric_date - trial_start_date + 1 as org_day
    from marts.org_activity
    where account_state = 'trial' and metric_date = '{day}') as trials"""

TRIALS_TODAY = {
    "Trials in progress": f"select count(*) from {TRIALS}",
    "Trials to call": """select count(*) from marts.interesting_trials
        where generated_date = '{day}'""",
    "Ending within three days": f"""select count(*) from {TRIALS}
        where org_day between 11 and 14""",
    "Average target attainment": f"""select avg(target_attainment)
        from marts.fct_org_trial_metrics
        where generated_date = '{{day}}' and org_id in (select org_id from {TRIALS})""",
    "Whom to call": """select trial_rank, org_name, reasons_in_words,
            days_left_in_trial, hosts, metrics, target_attainment, last_active_date
        from marts.interesting_trials where generated_date = '{day}' order by 1""",
    "Reasons": """select reasons_in_words, count(*) from marts.interesting_trials
        where generated_date = '{day}' group by 1 order by 2 desc, 1""",
    "When the trials in progress end": f"""select 14 - org_day, count(*)
        from {TRIALS} group by 1 order by 1""",
    "Size of the trials in progress": f"""select {SIZES}, count(*)
        from {TRIALS} group by 1 order by min(hosts)""",
    "Free accounts above their limits": """select org_name, limits_reached,
            hosts_above, metrics_above
        from marts.free_account_usage where metric_date = '{day}'
        order by 2 desc, 3 desc, 1 limit 15""",
}

GROWTH = {
    "Paying accounts": """select count(*) from marts.org_activity
        where is_paid and not is_internal and metric_date = '{day}'""",
    "Became paying": """select sum(orgs) from marts.paid_account_flow
        where coalesce(from_state, '') != 'paid' and to_state = 'paid'
        and day between '{weeks_ago_4}' and '{day}'""",
    "Stopped paying": """select sum(orgs) from marts.paid_account_flow
        where from_state = 'paid' and coalesce(to_state, '') != 'paid'
        and day between '{weeks_ago_4}' and '{day}'""",
    "Conversion of ended weeks": """select sum(converted) / sum(trials)
        from marts.trial_trends
        where conversion_rate is not null and cohort_week >= '{week_26}'""",
    "Weekly cohorts": """select cohort_week, trials, activated, converted
        from marts.trial_trends where cohort_week >= '{week_26}' order by 1""",
    "Conversion and activation by week": """select cohort_week,
            case when conversion_rate is not null then activated / trials end,
            conversion_rate
        from marts.trial_trends where cohort_week >= '{week_26}' order by 1""",
    "Accounts by state": """select metric_date, account_state, count(*)
        from marts.org_activity
        where account_state is not null
        and metric_date between '{weeks_ago_4}' and '{day}'
        group by 1, 2 order by 1, 2""",
    "Accounts that changed their state": """select day, to_state, sum(orgs)
        from marts.paid_account_flow
        where from_state is distinct from to_state
        and day between '{weeks_ago_4}' and '{day}'
        group by 1, 2 order by 1, 2 nulls last""",
    "Changes of the period": """select from_state, to_state, sum(orgs)
        from marts.paid_account_flow
        where from_state is distinct from to_state
        and day between '{weeks_ago_4}' and '{day}'
        group by 1, 2 order by 3 desc, 1 nulls last, 2 nulls last""",
    "Usage by trial day": """select org_day, cohort, median_value
        from marts.trial_target_curve
        where generated_date = '{day}' and metric_name = 'hosts' order by 1, 2""",
    "Active and paying orgs": """select metric_date,
            sum(case when log_events > 0 then 1 else 0 end),
            sum(case when is_paid then 1 else 0 end)
        from marts.org_activity where not is_internal
        and metric_date between '{weeks_ago_4}' and '{day}'
        group by 1 order by 1""",
}

BIG_CUSTOMERS = {
    "Customers": """select count(*) from marts.org_activity
        where is_paid and not is_internal and metric_date = '{day}'""",
    "Hosts of all customers": """select sum(hosts) from marts.org_activity
        where is_paid and not is_internal and metric_date = '{day}'""",
    "Change in hosts since a week before": """select sum(hosts_week_change)
        from marts.big_customer_usage where metric_date = '{day}'""",
    "Customers without samples": """select count(*) from marts.org_activity
        where is_paid and not is_internal and not has_samples
        and metric_date = '{day}'""",
    "Hosts by day": """select metric_date, sum(hosts) from marts.org_activity
        where is_paid and not is_internal
        and metric_date between '{weeks_ago_4}' and '{day}'
        group by 1 order by 1""",
    "Customers by size": f"""select {SIZES}, count(*) from marts.org_activity
        where is_paid and not is_internal and metric_date = '{{day}}'
        group by 1 order by min(hosts)""",
    "Largest customers": """select usage_rank, org_name, billing_plan_name, hosts,
            hosts_day_change, hosts_week_change, hosts_month_change, metrics
        from marts.big_customer_usage where metric_date = '{day}'
        order by 1 limit 25""",
    "Lost most hosts in a week": """select org_name, sum(hosts_week_change)
        from marts.big_customer_usage
        where metric_date = '{day}' and hosts_week_change < 0
        group by 1 order by 2, 1 limit 10""",
}

PIPELINE_HEALTH = {
    "Records loaded": f"""select sum(rows_loaded) from {LOADED}
        where dt = '{{day}}'""",
    "Share of rejected lines": f"""select sum(rejects) / sum(lines) from {LOADED}
        where dt = '{{day}}'""",
    "Tests that warned": f"""select sum(tests_warned) from {BUILDS}
        where data_date = '{{day}}'""",
    "Rejected by Salesforce": """select sum(rejected) from ops.salesforce_syncs
        where data_date = '{day}'""",
    "Records by source": f"""select dt, source, rows_loaded from {LOADED}
        where dt between '{{weeks_ago_2}}' and '{{day}}' order by 1, 2""",
    "Rejects by source": f"""select dt, source, rejects from {LOADED}
        where dt between '{{weeks_ago_2}}' and '{{day}}' order by 1, 2""",
    "Reasons of rejects": f"""select source, reason, count(*) from ops.load_rejects
        where load_id in (select load_id from {LOADED}
            where dt between '{{weeks_ago_2}}' and '{{day}}')
        group by 1, 2 order by 3 desc, 1, 2 limit 50""",
    "Tests by date": f"""select data_date, sum(tests), sum(tests_warned) from {BUILDS}
        where data_date between '{{weeks_ago_2}}' and '{{day}}'
        group by 1 order by 1""",
    "Rows sent to Salesforce": """select data_date, sum(accepted), sum(rejected),
            sum(unchanged)
        from ops.salesforce_syncs
        where data_date between '{weeks_ago_2}' and '{day}' group by 1 order by 1""",
    "Slowest models": f"""select model, seconds from {BUILDS}
        where data_date = '{{day}}' order by 2 desc, 1 limit 10""",
    "Latest runs": """select date_trunc('second', finished_at), command, data_date,
            status, tasks_done, tasks_failed, message
        from ops.runs order by finished_at desc limit 20""",
}

EXPECTED = {
    "trials_today": TRIALS_TODAY,
    "growth": GROWTH,
    "big_customers": BIG_CUSTOMERS,
    "pipeline_health": PIPELINE_HEALTH,
}
