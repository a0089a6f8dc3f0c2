"""Set operations, views and procedures: statements that Redshift refuses or takes.

The tables are those of `statement_cases.py`; `lv` and `lv2` are views with leader-node
functions, `catalog_view` is a view over the catalog alone.
"""

SP = "stored-procedure-create"
LF, SET_LIMIT = "c_SQL_functions_leader_node_only", "LIMIT may not be used"
LEADER = "runs on the leader node only"
REFUSED = [
    # Set operations.
    ("r_UNION", "select id from t intersect all select id from s", "INTERSECT ALL"),
    ("r_UNION", "select id from t except all select id from s", "EXCEPT ALL"),
    ("r_UNION", "select id from t minus all select id from s", "MINUS ALL"),
    ("r_UNION", "(select id from t limit 1) union all select id from s", SET_LIMIT),
    ("r_UNION", "select id from t union (select id from s order by 1 offset 1)",
     SET_LIMIT),
    ("r_UNION", "select * from ((select id from t limit 1) intersect"
     " (select id from s)) x", SET_LIMIT),
    ("r_UNION", "select top 1 id from t union all select id from s", SET_LIMIT),
    # Bound views with leader-node functions.
    (LF, "select id, n from t, lv", LEADER),
    (LF, "with c as (select m from lv2) select id, m from t, c", LEADER),
    (LF, "update t set name = 'x' from lv where n is not null", LEADER),
    (LF, "insert into u (id) select id from t where exists (select 1 from lv2)",
     LEADER),
    (LF, "select now(), id from sv", LEADER),
    (LF, "select now() from catalog_view, sv", LEADER),
    (LF, "select now() from stl_query", LEADER),
    # SQL in procedures.
    (SP, "create procedure p() as $$begin insert into u (name) select"
     " string_agg(name, ',') from t;end$$ language plpgsql", "function string_agg()"),
    (SP, "create procedure p() as $$declare n int;begin if true then select count(*)"
     " into n from t where now() > getdate();end if;end$$ language plpgsql", LEADER),
    (SP, "create procedure p() as $$begin update t set id = 1;merge into t using s"
     " on t.id = s.id when matched then delete;end$$ language plpgsql", "exactly"),
]  # fmt: skip
TAKEN = [
    # A limited subquery inside of an operand.
    ("r_UNION", "select * from (select id from t where false limit 0)"
     " union all select 7", [[7]]),
    ("r_UNION", "select 7 where 1 in (select 1 limit 0) union all select 8", [[8]]),
    ("r_UNION", "select 7 where 1 = (select 2 limit 1) union all select 8", [[8]]),
    # Leader-node functions with views over the catalog alone.
    (LF, "select count(*), current_schema() from catalog_view limit 1",
     [[1, "statements"]]),
    (LF, "select count(*) from lv, catalog_view, lv2 where n = m", [[1]]),
    (SP, "create procedure p(x int) as $$declare n int;begin select count(*) into n"
     " from t where id > x;if n > 1 then insert into u (id) values (n);end if;end$$"
     " language plpgsql", []),
]  # fmt: skip
