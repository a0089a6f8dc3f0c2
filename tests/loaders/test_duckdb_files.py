"""DuckDB files that are damaged, locked, or on paths with unusual characters."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from loaders import warehouse
from loaders.errors import MachineError, TransientError
from loaders.warehouse import duckdb

DAMAGES = {
    "empty": b"",
    "text": b"hello world\n" * 10,
    "truncated": b"\0" * 8 + b"DUCK" + b"\0" * 100,
    "random": bytes(range(256)) * 400,
}
HOLD = (
    "import duckdb, sys; c = duckdb.connect(sys.argv[1]); "
    "print(1, flush=True); sys.stdin.read()"
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_named_with_the_way_to_rebuild_it(
    duckdb_warehouse: None, damage: str
) -> None:
    path = Path(warehouse.location())
    path.write_bytes(DAMAGES[damage])
    with (
        pytest.raises(MachineError, match="nightshift backfill") as error,
        warehouse.session(),
    ):
        pass
    assert str(path) in str(error.value)


@pytest.mark.slow
def test_locked_file_names_the_process_that_holds_it(
    duckdb_warehouse: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    monkeypatch.setattr(duckdb, "_on_wait", messages.append)
    monkeypatch.setattr(duckdb, "LOCK_TIMEOUT_SECONDS", 3)
    path = warehouse.location()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with (
            pytest.raises(TransientError, match=f"PID {process.pid}"),
            warehouse.session(),
        ):
            pass
        assert len(messages) == 1
        assert path in messages[0] and f"PID {process.pid}" in messages[0]
        assert process.stdin is not None
        process.stdin.close()
    monkeypatch.setattr(duckdb, "_has_given_up", False)


def test_slow_statement_prints_no_progress_bar(tmp_path: Path) -> None:
    handle = duckdb.open_local(tmp_path / "local.db")
    with closing(handle):
        query = "select current_setting('enable_progress_bar')"
        assert handle.execute(query).fetchall() == [(False,)]
