{#-
    Compares the share of orgs with a usage sample on each data date of the run
    with the mean share of the days before. Days with less than a week of
    history and warehouses with few orgs are skipped. Late samples make the share
    of the last day slightly lower. Days without an orgs export, on which all
    states are forward-filled, have no samples either and are left out.
-#}
-- depends_on: {{ ref('fct_org_day') }}
{{ config(severity='warn') }}

{% set query -%}
with org_states as (

    select *

    from {{ ref('int_org_states_filled') }}

    where
        not is_internal
        and metric_date between {{ first_data_date() }}
        - {{ var('volume_baseline_days') }} and {{ data_date() }}

),

usage as (

    select *

    from {{ ref('int_org_usage_daily') }}

    where
        metric_date between {{ first_data_date() }}
        - {{ var('volume_baseline_days') }} and {{ data_date() }}

),

days as (

    select
        org_states.metric_date,
        count(*) as orgs,
        count(usage.org_id) as orgs_sampled,
        cast(count(usage.org_id) as double precision)
        / count(*) as sampled_share

    from org_states

    left join usage
        on
            org_states.org_id = usage.org_id
            and org_states.metric_date = usage.metric_date

    group by 1

    having min(org_states.days_old) = 0

),

days_with_baseline as (

    select
        days.metric_date,
        days.orgs,
        days.orgs_sampled,
        days.sampled_share,
        avg(earlier.sampled_share) as baseline_share

    from days

    inner join days as earlier
        on earlier.metric_date between days.metric_date
            - {{ var('volume_baseline_days') }} and days.metric_date - 1

    where days.metric_date >= {{ first_data_date() }}

    group by 1, 2, 3, 4

    having count(*) >= 7

),

ratios as (

    select
        *,
        {{ ratio_to_baseline('sampled_share', 'baseline_share') }} as ratio

    from days_with_baseline

    where baseline_share * orgs >= {{ var('volume_min_lines') }}

)

select
    orgs,
    orgs_sampled,
    ratio,
    'metrics of ' || cast(metric_date as varchar(10)) || ': '
    || cast(orgs_sampled as varchar(20)) || ' of '
    || cast(orgs as varchar(20)) || ' orgs have samples, the baseline is '
    || cast(cast(round(baseline_share * 100) as integer) as varchar(20))
    || ' %. Ask the producer to re-deliver the partition.' as message,
    metric_date

from ratios

where ratio < {{ var('volume_warn_ratio') }}
{%- endset %}

{{ warn_or_fail(query, error_var='volume_error_ratio') }}
