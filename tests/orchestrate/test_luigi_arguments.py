"""Bad arguments of the `luigi` command line are one message, with exit code 3."""

import luigi.cmdline_parser
import pytest

from orchestrate import date_ranges, luigi_arguments, nightly

BAD_LINES = {
    "no task": ([], "no task is given"),
    "unknown task": (["Nightlyy"], "No task Nightlyy. Did you mean: Nightly"),
    "unknown option": (["Nightly", "--nope", "1"], "unrecognized arguments: --nope"),
    "no value": (["Nightly", "--data-date"], "--data-date: expected one argument"),
    "no task of a range": (
        ["RangeDaily", "--of", "Nightlyy", "--start", "2026-11-24"],
        "--of Nightlyy: No task Nightlyy. Did you mean: Nightly",
    ),
    "no date": (["Nightly", "--data-date", "x"], "--data-date x: time data 'x'"),
}


@pytest.fixture(autouse=True)
def own_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what replaces parts of Luigi's parser."""
    parser = luigi.cmdline_parser.CmdlineParser
    for name in ("_build_parser", "_get_task_kwargs"):
        monkeypatch.setattr(parser, name, parser.__dict__[name])
    luigi_arguments.report_bad_arguments()


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_arguments_are_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    line, message = BAD_LINES[name]
    with pytest.raises(SystemExit) as stopped:
        _parse(line)
    assert stopped.value.code == 3
    printed = " ".join(capsys.readouterr().err.split())
    assert printed.startswith("luigi: ") and message in printed
    assert "Traceback" not in printed


def test_good_arguments_are_parsed() -> None:
    task = _parse(["Nightly", "--data-date", "2026-11-24"])
    assert isinstance(task, nightly.Nightly)
    task = _parse(["RangeDaily", "--start", "2026-11-24"])
    assert isinstance(task, date_ranges.RangeDaily)
    assert task.of is nightly.Nightly


def _parse(line: list[str]) -> luigi.Task:
    with luigi.cmdline_parser.CmdlineParser.global_instance(line) as parser:
        return parser.get_task_obj()
