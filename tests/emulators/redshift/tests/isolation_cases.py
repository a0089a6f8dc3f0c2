"""Concurrent transactions: the steps of several sessions and what each gives.

A case is a list of steps `session: statement` with what it gives: `-> rows`, `!error`,
or `~` if it waits. `session.` is the end of the statement that waited. The source is
the page of the Amazon Redshift developer guide, or the issue, that says so.
"""

LEVELS = ("snapshot", "serializable")
BOTH = LEVELS
EXAMPLES, LEVEL_PAGE = "r_Serializable_isolation_example", "c_serial_isolation"
WRITES, ERRORS = (
    "c_write_readwrite",
    "c_serial_isolation-serializable-isolation-trouble",
)
# t has the rows 0 and 1, u has none.
CASES = [
    # One snapshot per transaction.
    (LEVEL_PAGE, BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: insert into t values (2); "
     "1: select n from t -> 0 1; 1: commit; 1: select n from t -> 0 1 2"),
    (LEVEL_PAGE, BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: delete from t; "
     "1: select count(*) from t -> 2; 1: rollback; 1: select count(*) from t -> 0"),
    (LEVEL_PAGE, BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: insert into u values (5); "
     "1: select n from u ->; 1: commit; 1: select n from u -> 5"),
    # The first statement on a table takes it, also through a view; BEGIN does not.
    (LEVEL_PAGE, BOTH,
     "1: begin; 2: insert into t values (2); 1: select n from t -> 0 1 2; 1: commit"),
    (LEVEL_PAGE, BOTH,
     "1: begin; 1: select 1 -> 1; "
     "1: select count(*) from pg_namespace where nspname = 'x' -> 0; "
     "2: insert into t values (2); 1: select n from t -> 0 1 2; 1: commit"),
    (LEVEL_PAGE, BOTH,
     "1: create view v as select n from t; 1: begin; 1: select n from v -> 0 1; "
     "2: insert into t values (2); 1: select n from v -> 0 1; 1: commit"),
    (LEVEL_PAGE, BOTH,
     "1: begin; 1: insert into u values (1); 2: insert into t values (2); "
     "1: select n from t -> 0 1; 1: commit"),
    (LEVEL_PAGE, BOTH,
     "1: begin; 1: create table w as select n from t; 2: insert into t values (2); "
     "1: select n from t -> 0 1; 1: commit"),
    ("r_BEGIN", BOTH,
     "1: begin isolation level read committed; 1: select n from t -> 0 1; "
     "2: insert into t values (2); 1: select n from t -> 0 1; 1: commit"),
    ("r_BEGIN", BOTH,
     "1: start transaction read only; 1: select n from t -> 0 1; "
     "1: insert into t values (2) !read-only transaction; 1: rollback"),
    # The catalog has no snapshot until then; a dropped table does not exist.
    (LEVEL_PAGE, BOTH,
     "1: begin; 1: select tablename from pg_tables where tablename = 'later' ->; "
     "2: create table later (n int); "
     "1: select tablename from pg_tables where tablename = 'later' -> later; "
     "1: commit"),
    (LEVEL_PAGE, BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: drop table u; "
     "1: select n from u !does not exist; 1: rollback"),
    # A table that is newer than the snapshot.
    (ERRORS, BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: create table w (n int); "
     "1: select n from w !1018 | Relation does not exist; 1: rollback; "
     "1: select n from w ->"),
    (ERRORS, BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: create table w (n int); "
     "1: insert into w values (1) !1018; 1: rollback"),
    (ERRORS, BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: create view w as select 1 as n; "
     "1: select n from t where n in (select n from w) !1018; 1: rollback"),
    (ERRORS, BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: drop table u; "
     "2: create table u (n int); 1: select n from u !1018; 1: rollback"),
    (ERRORS, BOTH,
     "1: begin; 2: create table w (n int); 1: select n from w ->; 1: commit"),
    (ERRORS, BOTH,
     "1: begin; 1: select n from t -> 0 1; 1: create table w (n int); "
     "1: select n from w ->; 1: commit"),
    # Writers of one table wait for each other, readers do not.
    (EXAMPLES, BOTH,
     "1: begin; 1: insert into t values (2); 2: begin; 2: insert into t values (3) ~; "
     "1: commit; 2.; 2: commit; 1: select n from t -> 0 1 2 3"),
    (EXAMPLES, BOTH,
     "1: begin; 1: insert into t values (2); 2: insert into t values (3) ~; "
     "1: commit; 2.; 1: select n from t -> 0 1 2 3"),
    (EXAMPLES, BOTH,
     "1: begin; 1: delete from t where n = 0; 2: begin; "
     "2: delete from t where n = 0 ~; 1: commit; 2.; 2: commit; "
     "1: select n from t -> 1"),
    (EXAMPLES, BOTH,
     "1: begin; 1: update t set n = 7 where n = 0; 2: update t set n = n + 1 ~; "
     "1: rollback; 2.; 1: select n from t -> 1 2"),
    (EXAMPLES, BOTH,
     "1: begin; 1: delete from t where n = 0; 1: insert into t values (8); 2: begin; "
     "2: insert into t values (9) ~; 1: commit; 2.; 2: select n from t -> 1 8 9; "
     "2: commit"),
    # Also what EXECUTE and CALL write.
    ("r_PREPARE", BOTH,
     "1: prepare p as insert into t values (8); 2: prepare p as insert into t values"
     " (9); 1: begin; 1: execute p; 2: execute p ~; 1: commit; 2.; 1: deallocate p; "
     "2: deallocate p; 1: select n from t -> 0 1 8 9"),
    ("r_CALL_procedure", BOTH,
     "2: create procedure inner_p() as $$begin insert into t values (2);end$$"
     " language plpgsql; 2: create procedure p(x int) as $$begin if x > 0 then"
     " insert into u values (x);end if;call inner_p();end$$ language plpgsql; "
     "1: begin; 1: call p(0); 2: call p(7) ~; 1: commit; 2.; "
     "1: select n from t -> 0 1 2 2; 1: select n from u -> 7"),
    ("c_stored_procedures", BOTH,
     "2: create procedure p() as $$begin execute 'insert into t values (2)';end$$"
     " language plpgsql; 1: begin; 1: call p(); 2: call p() ~; "
     "1: commit; 2.; 1: select n from t -> 0 1 2 2"),
    (WRITES, BOTH,
     "1: begin; 1: insert into t values (2); 2: select n from t -> 0 1; "
     "2: insert into u values (1); 1: commit"),
    (WRITES, BOTH,
     "3: begin; 3: insert into t values (2); 1: begin; 1: select n from u ->; "
     "2: begin; 2: select n from u ->; 1: insert into t values (3) ~; "
     "2: insert into t values (4) ~; 3: commit; 1.; 1: commit; 2.; 2: commit; "
     "1: select count(*) from t -> 5"),
    ("r_LOCK", BOTH,
     "1: begin; 1: lock t; 2: select n from t ~; 1: commit; 2."),
    ("estuary/connectors#5220", BOTH,
     "1: begin; 1: lock table u; 2: begin; 2: lock table u ~; "
     "1: update t set n = 7 where n = 0; 1: commit; 2.; "
     "2: update t set n = 8 where n = 7; 2: commit; 1: select n from t -> 1 8"),
    ("r_LOCK", BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: drop table t ~; 1: commit; 2.; "
     "1: select n from t !does not exist"),
    # Two transactions change the same rows.
    ("r_CREATE_DATABASE", BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: update t set n = 5 where n = 0; "
     "1: update t set n = 6 where n = 0 !1023; 1: rollback; 1: select n from t -> 1 5"),
    ("r_CREATE_DATABASE", BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: delete from t where n = 0; "
     "1: delete from t where n = 0 !1023; 1: rollback"),
    (WRITES, BOTH,
     "1: begin; 1: select n from t -> 0 1; 2: insert into t values (2); "
     "1: insert into u values (3); 1: commit"),
    (LEVEL_PAGE, ["snapshot"],
     "1: begin; 2: begin; 1: select n from t -> 0 1; 2: select n from t -> 0 1; "
     "1: update t set n = 0 where n = 1; 1: select n from t -> 0 0; 1: commit; "
     "2: update t set n = 1 where n = 0; 2: select n from t -> 1 1; 2: commit; "
     "1: select n from t -> 0 1"),
    # Write skew, which only SERIALIZABLE refuses.
    (LEVEL_PAGE, ["serializable"],
     "1: begin; 2: begin; 1: select n from t -> 0 1; 2: select n from t -> 0 1; "
     "1: update t set n = 0 where n = 1; 1: commit; "
     "2: update t set n = 1 where n = 0 !1023; 2: rollback; 1: select n from t -> 0 0"),
    (ERRORS, ["serializable"],
     "1: begin; 2: begin; 1: select n from t -> 0 1; 1: insert into u values (1); "
     "2: insert into t values (2); 2: select n from u !1023; 2: rollback; 1: commit"),
    (ERRORS, ["snapshot"],
     "1: begin; 2: begin; 1: select n from t -> 0 1; 1: insert into u values (1); "
     "2: insert into t values (2); 2: select n from u ->; 2: commit; 1: commit"),
    (ERRORS, BOTH,
     "1: begin; 1: insert into t values (2); 1: commit; 2: begin; "
     "1: select n from u ->; 2: insert into u values (1); 2: commit; "
     "2: select n from t -> 0 1 2"),
    ("estuary/connectors#5218", ["serializable"],
     "1: begin; 1: select n from u ->; 2: update t set n = 7 where n = 0; "
     "1: update t set n = 8 where n = 1 !1023; 1: rollback"),
    ("estuary/connectors#5218", ["snapshot"],
     "1: begin; 1: select n from u ->; 2: update t set n = 7 where n = 0; "
     "1: update t set n = 8 where n = 1; 1: commit"),
    # A reader of a source and of what is made from it is part of the cycle.
    ("dbt-labs/dbt-redshift#21", ["serializable"],
     "1: begin; 1: select n from t -> 0 1; 2: insert into t values (2); 3: begin; "
     "3: select n from t -> 0 1 2; 3: select n from u ->; "
     "1: insert into u values (1) !1023; 1: rollback; 3: commit"),
    (ERRORS, ["serializable"],
     "1: begin; 1: select n from t -> 0 1; 2: begin; 2: insert into t values (2); "
     "2: commit; 1: select n from t -> 0 1; 1: commit"),
]  # fmt: skip
