"""Statements that Redshift refuses or takes, with the page that says so.

The pages are those of the Amazon Redshift developer guide. t, u and s have the columns
of `CREATE`; t has the rows (1, 'a', 10), (2, 'b', 20), (3, 'b', 30).
"""

import datetime

CREATE = "(id int, name varchar(9), hosts int, doc super)"
NO_FRAME = "Aggregate window functions with an ORDER BY clause require a frame clause"
W, M, A = "c_Window_functions", "r_MERGE", "r_ALTER_TABLE"
Q, L, E = "r_QUALIFY_clause", "r_SELECT_list", "r_EXCLUDE_list"
ONE = "one statement for each"
LEADER = "runs on the leader node only"
UPDATE = "when matched then update set name = s.name"
INSERT = "when not matched then insert (id, name) values (s.id, s.name)"
REFUSED = [
    # The frame of a window.
    (W, "select sum(hosts) over (order by id) from t", NO_FRAME),
    (W, "select avg(hosts) over (partition by name order by id) from t", NO_FRAME),
    (W, "select count(*) over (order by id desc) from t", NO_FRAME),
    (W, "select 1 + max(hosts) over(order by id) / 2 from t", NO_FRAME),
    (W, "select a from (select min(id) over (order by id) as a from t) x", NO_FRAME),
    (W, "with c as (select stddev(id) over (order by id) as a from t)"
     " select * from c", NO_FRAME),
    (W, "create view v as select sum(id) over (order by id) as a from t", NO_FRAME),
    (W, "insert into u (id) select count(id) over (order by id) from t", NO_FRAME),
    ("r_WF_first_value", "select first_value(id) over (order by id) from t", NO_FRAME),
    ("r_WF_first_value", "select last_value(id) over (order by id) from t", NO_FRAME),
    ("r_WF_NTH", "select nth_value(id, 2) over (order by id) from t", NO_FRAME),
    (W, "select sum(id) over (order by id range unbounded preceding) from t",
     "a window frame of RANGE"),
    (W, "select sum(id) over (order by id range between 1 preceding and current"
     " row) from t", "a window frame of RANGE"),
    (W, "select sum(id) over (order by id groups 1 preceding) from t",
     "a window frame of GROUPS"),
    (W, "select sum(id) over (order by id rows unbounded preceding exclude"
     " current row) from t", "EXCLUDE"),
    (W, "select rank() over (order by id rows unbounded preceding) from t",
     "a window frame of RANK"),
    (W, "select sum(id) over w from t window w as (partition by name)", "window"),
    (W, "select row_number() over (order by 1) from t", "constant expressions"),
    (W, "select sum(id) over (partition by 'x') from t", "constant expressions"),
    ("r_WF_LISTAGG", "select listagg(name, ',') within group (order by id)"
     " over (partition by id order by id) from t", "ORDER BY in the window of LISTAGG"),
    ("r_WF_MEDIAN", "select median(id) over (order by id) from t", "window of MEDIAN"),
    # SUPER is no key.
    ("limitations-super", "create table k (a super distkey)", "type super cannot be"),
    ("limitations-super", "create table k (a super sortkey)", "type super cannot be"),
    ("limitations-super", "create table k (a super, b int) distkey (a)", "type super"),
    ("limitations-super", "create table k (a super, b int) diststyle key distkey(a)"
     " sortkey(b)", "type super"),
    ("limitations-super", "create table k (b int, a super) compound sortkey (b, a)",
     "type super"),
    ("limitations-super", "create table k distkey (doc) as select doc from t",
     "type super"),
    ("limitations-super", "create table k sortkey (d) as select id, doc as d from t",
     "type super"),
    ("limitations-super", "alter table t alter distkey doc", "type super"),
    ("limitations-super", "alter table t alter sortkey (id, doc)", "type super"),
    ("r_CREATE_TABLE_NEW", "create table k (a int) distkey (b)", "does not exist"),
    # One action at a time.
    (A, "alter table t add column a int, add column b int", ONE),
    (A, "alter table t add a int, add b int", ONE),
    (A, "alter table t drop column id, drop column name", ONE),
    (A, "alter table t add column a int, drop column id", ONE),
    (A, "alter table t alter column name type varchar(20), add column a int",
     ONE),
    (A, "alter table t alter column name type varchar(20),"
     " alter column name type varchar(30)", ONE),
    (A, "alter table t owner to awsuser, add column a int", ONE),
    (A, "alter table t alter sortkey (id), add column a int", ONE),
    (A, "alter table t add column a int not null", "must have a non-null default"),
    (A, "alter table t add column a int primary key", "PRIMARY in ADD COLUMN"),
    (A, "alter table t add column a int unique", "UNIQUE in ADD COLUMN"),
    (A, "alter table t add column a int identity(1, 1)", "IDENTITY in ADD COLUMN"),
    # MERGE.
    (M, f"merge into t using (select * from s) as s on t.id = s.id {UPDATE} {INSERT}",
     "a subquery as the source of MERGE"),
    (M, f"merge into t using sv s on t.id = s.id {UPDATE} {INSERT}",
     "a view as the source of MERGE"),
    (M, f"merge into t using sl s on t.id = s.id {UPDATE} {INSERT}",
     "a view as the source of MERGE"),
    (M, f"merge into t as x using s on x.id = s.id {UPDATE} {INSERT}", "an alias"),
    (M, f"merge into t x using s on x.id = s.id {UPDATE} {INSERT}", "an alias"),
    (M, f"merge into t using s on t.id = s.id {UPDATE}", "exactly"),
    (M, f"merge into t using s on t.id = s.id {INSERT}", "exactly"),
    (M, f"merge into t using s on t.id = s.id {INSERT} {UPDATE}", "exactly"),
    (M, "merge into t using s on t.id = s.id when matched and s.hosts > 1 then"
     f" delete {INSERT}", "a condition"),
    (M, f"merge into t using s on t.id = s.id {UPDATE} when not matched and s.id > 1"
     " then insert (id) values (s.id)", "a condition"),
    (M, f"merge into t using s on t.id = s.id when matched then do nothing {INSERT}",
     "an action other than"),
    (M, f"merge into t using s on t.id = s.id {UPDATE} when not matched by source"
     " then delete", "an action other than"),
    (M, f"merge into t using s on t.id = s.id {UPDATE} when matched then delete"
     f" {INSERT}", "exactly"),
    (M, f"merge into t using t on t.id = t.id {UPDATE} {INSERT}", "the same table"),
    (M, f"with c as (select 1) merge into t using s on t.id = s.id {UPDATE} {INSERT}",
     "WITH before MERGE"),
    (M, "merge into t using s on t.id = s.id when matched then update set doc ="
     f" s.doc[0] {INSERT}", "Partial reference of SUPER column"),
    (M, "merge into t using s on t.id = s.id when matched then update set doc ="
     f" s.doc.a {INSERT}", "Partial reference of SUPER column"),
    (M, f"merge into t using twice s on t.id = s.id {UPDATE} {INSERT}",
     "Found multiple matches to update the same tuple"),
    # Rows of the leader node.
    ("c_join_PG", "insert into u (name) select relname from pg_class", LEADER),
    ("c_join_PG", "create table k as select tablename from pg_tables", LEADER),
    ("c_join_PG", "create temp table k as select * from pg_catalog.pg_user", LEADER),
    ("c_join_PG", "insert into u (name) select table_name from"
     " information_schema.tables", LEADER),
    ("c_join_PG", "create table k as with c as (select tablename from pg_table_def)"
     " select * from c", LEADER),
    ("c_join_PG", "insert into u (name) select table_name from svv_tables", LEADER),
    ("c_join_PG", "select tablename into k from pg_tables", LEADER),
    ("c_join_PG", "insert into u (id) values ((select count(*) from pg_class))",
     LEADER),
    ("c_join_PG", "delete from u where name in (select table_name from"
     " information_schema.tables)", LEADER),
    ("c_join_PG", "update u set name = x.tablename from information_schema.tables x",
     LEADER),
    (M, f"merge into pg_class using s on oid = s.id when matched then delete {INSERT}",
     "is a system catalog"),
    ("c_intro_catalog_views", "delete from pg_catalog.pg_class", "is a system catalog"),
    ("cm_chap_system-tables", "insert into stl_query select * from stl_query",
     "is a system catalog"),
    # QUALIFY, TOP, EXCLUDE.
    (Q, "select id from t qualify row_number() over (order by id) = 1", "syntax error"),
    (Q, "select id from t, s qualify row_number() over (order by id) = 1",
     "needs an alias"),
    (L, "select top 1 id from t limit 1", "TOP and LIMIT"),
    (L, "select later + 1, id as later from t", "does not exist"),
    (E, "select * exclude nothing from t", "does not exist"),
    (E, "select * exclude (upper(name)) from t", "names of columns only"),
    (E, "select * exclude (id), 1 as one from t", "end of the select list"),
    # SHOW ... LIMIT.
    ("r_SHOW_TABLES", "show tables from schema dev.public limit 10001", "LIMIT of"),
    ("r_SHOW_TABLES", "show tables from schema dev.public limit many", "syntax error"),
    ("r_SHOW_TABLES", "show tables from schema dev.public limit 1 2", "syntax error"),
]  # fmt: skip
TAKEN = [
    (W, "select sum(hosts) over (order by id rows unbounded preceding) from t"
     " order by 1", [[10], [30], [60]]),
    (W, "select sum(hosts) over (order by id rows between 1 preceding and current"
     " row) from t order by 1", [[10], [30], [50]]),
    (W, "select sum(hosts) over (partition by name) from t order by 1",
     [[10], [50], [50]]),
    (W, "select sum(hosts) over () from t where id = 1", [[10]]),
    (W, "select rank() over (order by id desc), lag(id) over (order by id)"
     " from t order by 1", [[1, 2], [2, 1], [3, None]]),
    (W, "select row_number() over (partition by name order by id desc) from t"
     " where name = 'b' order by 1", [[1], [2]]),
    ("r_WF_first_value", "select first_value(id) over (order by hosts desc rows between"
     " unbounded preceding and unbounded following) from t where id > 1", [[3], [3]]),
    ("dbt-labs/dbt-adapters: date_spine", "with c as (select 7 as a) select a,"
     " row_number() over (order by 1) from c", [[7, 1]]),
    (W, "select 1 as range, 2 as rows, 3 as over", [[1, 2, 3]]),
    (W, "select sum(range) over (order by range rows 1 preceding) from"
     " (select id as range from t) r order by 1", [[1], [3], [5]]),
    ("limitations-super", "create table k (a super, b int distkey) sortkey (b)", []),
    ("limitations-super", "create table k distkey (id) sortkey (id) as select * from t",
     []),
    (A, "alter table t add column a int", []),
    (A, "alter table t add column a int default 3 encode az64 not null", []),
    (A, "alter table t add column a numeric(10, 2)", []),
    (A, "alter table t alter sortkey (id, name), alter distkey id", []),
    (A, "alter table t alter diststyle all, alter compound sortkey (id)", []),
    (A, "alter table t alter column id encode zstd, alter column name encode lzo",
     []),
    (M, f"merge into t using s on t.id = s.id {UPDATE} {INSERT}", []),
    (M, f"merge into t using s as x on t.id = x.id {UPDATE} {INSERT}"
     .replace("s.", "x."), []),
    (M, f"merge into t using s on t.id = s.id when matched then delete {INSERT}", []),
    (M, "merge into t using s on t.id = s.id and t.name = s.name when matched then"
     " update set doc = s.doc when not matched then insert values (s.id, s.name,"
     " s.hosts, s.doc)", []),
    (M, "merge into t using s on t.id = s.id remove duplicates", []),
    ("c_join_PG", "insert into u (name) select t.name from t", []),
    ("c_join_PG", "create table k as select distinct querytxt from stl_query limit 1",
     []),
    ("c_join_PG", "select count(*) > 0 from pg_class", [[True]]),
    ("r_SHOW_TABLES", "show schemas from database dev like 'pub%' limit 1",
     [["dev", "public"]]),
    # LISTAGG as a window function.
    ("r_WF_LISTAGG", "select id, listagg(name, ',') within group (order by id desc)"
     " over (partition by name) from t order by 1", [[1, "a"], [2, "b,b"], [3, "b,b"]]),
    ("r_WF_LISTAGG", "select listagg(id::varchar, '-') within group (order by hosts"
     " desc)"
     " over () from t where id < 3", [["2-1"], ["2-1"]]),
    # QUALIFY.
    (Q, "select id from t x qualify row_number() over (partition by name order by id"
     " desc) = 1 order by id", [[1], [3]]),
    (Q, "select id, row_number() over (partition by name order by id) as n from t"
     " where id > 1 qualify n = 2", [[3, 2]]),
    (Q, "select * from t as x qualify rank() over (order by hosts desc) <= 2"
     " order by hosts", [[2, "b", 20], [3, "b", 30]]),
    (Q, "select name, sum(hosts) as total from t where id > 0 group by name"
     " qualify rank() over (order by sum(hosts) desc) = 1", [["b", 50]]),
    (Q, "select name, count(*) from t group by 1 having count(*) > 0 qualify"
     " row_number() over (order by name) = 1", [["a", 1]]),
    (Q, "select distinct name from t where true qualify count(*) over (partition by"
     " name)"
     " > 1", [["b"]]),
    (Q, "select name from t x qualify row_number() over (order by id) > 1 order by"
     " hosts"
     " desc limit 1", [["b"]]),
    (Q, "with c as (select id, name from t x qualify row_number() over (partition"
     " by name"
     " order by id) = 1) select id from c order by 1", [[1], [2]]),
    (Q, "with c as (select id as n from t) select n from c x qualify max(n) over ()"
     " = n",
     [[3]]),
    (Q, "select count(*) from (select 1 from t x qualify row_number() over (order"
     " by id)"
     " < 3) y", [[2]]),
    (Q, "select id from t x qualify row_number() over (order by id) = 1 union all"
     " select id from t x qualify row_number() over (order by id desc) = 1 order by 1",
     [[1], [3]]),
    (Q, "insert into u (id) select id from t x qualify row_number() over (order by id)"
     " = 1", []),
    (Q, "create table k as select * from t x qualify row_number() over (order by id)"
     " = 1", []),
    (Q, "create view k as select id from t x qualify row_number() over (order by id)"
     " = 1", []),
    # TOP.
    (L, "select top 2 id from t order by id desc", [[3], [2]]),
    (L, "select top 1 distinct name from t order by name desc", [["b"]]),
    (L, "select count(*) from (select top 2 * from t) x", [[2]]),
    (L, "select top from (select 1 as top) x", [[1]]),
    # Names of the select list.
    (L, "select id * 2 as twice, twice + 1 as more from t order by 1",
     [[2, 3], [4, 5], [6, 7]]),
    (L, "select hosts / 10 as tens, tens * 100 hundreds, round(hundreds / 3.0) as r"
     " from t where tens > 2", [[3, 300, 100]]),
    (L, "select upper(name) as big, big || '!' from t where id = 1", [["A", "A!"]]),
    (L, "select hosts as id, id + 1 from t where id = 1", [[10, 2]]),
    (L, "select 1 as one, one + 1 as two, two + one as three", [[1, 2, 3]]),
    (L, "select sum(hosts) as total, total / count(*) as mean from t", [[60, 20]]),
    (L, "select name, row_number() over (order by id) as n, n % 2 from t order by 2",
     [["a", 1, 1], ["b", 2, 0], ["b", 3, 1]]),
    (L, "with c as (select id + 1 as next, next + 1 as later from t) select later"
     " from c"
     " order by 1", [[3], [4], [5]]),
    (L, "select case when id > 2 then 'x' else 'y' end as kind, kind || kind from t"
     " where kind = 'x'", [["x", "xx"]]),
    (L, "select '2026-01-05'::date as day, dateadd(day, 1, day)::date::varchar from t"
     " where id = 1", [[datetime.date(2026, 1, 5), "2026-01-06"]]),
    (L, "select id as n, (select max(x.n) from (select 7 as n) x) from t where n = 1",
     [[1, 7]]),
    (L, "select name, count(*) as n from t group by name having n > 1", [["b", 2]]),
    (L, "select name as k, sum(hosts) as n from t group by k having k = 'a' and n > 1",
     [["a", 10]]),
    (L, "select hosts / 10 as id, count(*) from t group by hosts / 10, t.id having"
     " id = 3", [[3, 1]]),
    # EXCLUDE.
    (E, "select * exclude doc from t order by id", [[1, "a", 10], [2, "b", 20],
     [3, "b", 30]]),
    (E, "select * exclude (doc, hosts) from t where id = 1", [[1, "a"]]),
    (E, "select * exclude doc, hosts from t where id = 1", [[1, "a"]]),
    (E, "select x.* exclude (id, doc), 5 as five from t x where id = 1".replace(
     " exclude (id, doc), 5 as five", ", 5 as five exclude (id, doc)"), [["a", 10, 5]]),
    (E, "select * exclude (doc, name) from t join (select id as other from t) y on"
     " other = id where id = 1", [[1, 10, 1]]),
    (E, "with c as (select id, name from t) select * exclude name from c order by 1",
     [[1], [2], [3]]),
    (E, "create table k as select * exclude (doc) from t", []),
    (E, "select exclude from (select 1 as exclude) x", [[1]]),
]  # fmt: skip
