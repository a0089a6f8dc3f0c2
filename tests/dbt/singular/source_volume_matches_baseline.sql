{#-
    Compares the line count of each partition of the run with the days before.
    The baseline is the mean of all those days or of the same weekday, whichever
    is lower, because weekends have less traffic. Partitions with less than a week
    of history and sources with few lines are skipped.
-#}
-- depends_on: {{ ref('fct_org_day') }}
{{ config(severity='warn') }}

{#-
    Resolved at execution only. As a parsed dependency it would change which
    models this test blocks.
-#}
{% set loads = source('ops', 'loads') if execute else 'loads' %}

{% set query -%}
with loads_ranked as (

    select
        *,
        row_number() over (
            partition by source, dt
            order by finished_at desc
        ) as recency

    from {{ loads }}

    where
        status = 'loaded'
        and dt between {{ first_data_date() }}
        - {{ var('volume_baseline_days') }} and {{ data_date() }}

),

partitions as (

    select *

    from loads_ranked

    where recency = 1

),

partitions_with_baseline as (

    select
        partitions.source,
        partitions.lines,
        partitions.dt,
        least(
            avg(cast(earlier.lines as double precision)),
            avg(
                case
                    when mod(partitions.dt - earlier.dt, 7) = 0
                        then cast(earlier.lines as double precision)
                end
            )
        ) as baseline_lines

    from partitions

    inner join partitions as earlier
        on
            partitions.source = earlier.source
            and earlier.dt between partitions.dt
            - {{ var('volume_baseline_days') }} and partitions.dt - 1

    where partitions.dt >= {{ first_data_date() }}

    group by 1, 2, 3

    having
        count(*) >= 7
        and count(
            case when mod(partitions.dt - earlier.dt, 7) = 0 then 1 end
        ) > 0

),

ratios as (

    select
        *,
        {{ ratio_to_baseline('lines', 'baseline_lines') }} as ratio

    from partitions_with_baseline

    where baseline_lines >= {{ var('volume_min_lines') }}

)

select
    source,
    lines,
    baseline_lines,
    ratio,
    source || ' of ' || cast(dt as varchar(10)) || ': '
    || cast(lines as varchar(20)) || ' lines are '
    || cast(cast(floor(ratio * 100) as integer) as varchar(20))
    || ' % of the baseline of '
    || cast(cast(round(baseline_lines) as bigint) as varchar(20))
    || '. Ask the producer to re-deliver the partition.' as message,
    dt

from ratios

where ratio < {{ var('volume_warn_ratio') }}
{%- endset %}

{{ warn_or_fail(query, error_var='volume_error_ratio') }}
