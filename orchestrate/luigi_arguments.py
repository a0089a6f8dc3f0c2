"""Bad arguments of the `luigi` command line: one message, and exit code 3.

Luigi itself exits with 1 or 2, or shows a traceback. It imports this package while it
parses its arguments, so what it calls afterwards can be replaced.
"""

import argparse
import sys
from typing import Any, NoReturn

from luigi.cmdline_parser import CmdlineParser
from luigi.task_register import Register, TaskClassException

from reports.console import error_console

BAD_ARGUMENTS = 3
HELP_OPTIONS = {"--help", "--help-all"}


def report_bad_arguments() -> None:
    """Report bad arguments as `nightshift` does from now on."""
    build_parser = CmdlineParser._build_parser
    get_task_kwargs = CmdlineParser._get_task_kwargs

    def build(**options: Any) -> argparse.ArgumentParser:  # noqa: ANN401
        if "root_task" in options:
            _check_task(options["root_task"])
        parser: argparse.ArgumentParser = build_parser(**options)
        parser.error = _exit  # type: ignore[method-assign]
        return parser

    def get_kwargs(parser: CmdlineParser) -> dict[str, Any]:
        try:
            kwargs: dict[str, Any] = get_task_kwargs(parser)
        except (ValueError, TaskClassException) as error:
            message = " ".join(str(error).split())
            _exit(f"{_malformed_option(parser)}: {message}")
        return kwargs

    CmdlineParser._build_parser = staticmethod(build)
    CmdlineParser._get_task_kwargs = get_kwargs


def _check_task(name: str | None) -> None:
    if not name:
        if not HELP_OPTIONS & set(sys.argv):
            _exit("no task is given, for example Nightly")
        return
    try:
        Register.get_task_cls(name)
    except TaskClassException as error:
        _exit(" ".join(str(error).split()))


def _malformed_option(parser: CmdlineParser) -> str:
    """Return the first option whose value its parameter cannot parse."""
    for name, parameter in parser._get_task_cls().get_params():
        text = getattr(parser.known_args, name)
        try:
            if text:
                parameter.parse(text)
        except (ValueError, TaskClassException):
            return f"--{name.replace('_', '-')} {text}"
    return "an option"


def _exit(message: str) -> NoReturn:
    error_console.print_error("luigi", f"{message}. Try --help.")
    raise SystemExit(BAD_ARGUMENTS)
