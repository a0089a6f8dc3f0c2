"""`nightshift init`: writes `.env`, `profiles.yml` and `luigi.cfg`, then checks them.

The files are those of the working directory, where both command lines read them.
"""

import configparser
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from loaders.config import dbt_profile, environment, secret_values, settings
from loaders.config.redaction import is_secret_name
from loaders.config.setting_names import TABLE, not_a_setting
from loaders.errors import ConfigError
from orchestrate import startup
from orchestrate.cli import doctor
from orchestrate.cli.setup_questions import QUESTIONS, SCHEDULER, Question
from orchestrate.runs.outcome import ExitCode
from reports.console import error_console

HEADER = """\
# Written by `nightshift init`. `nightshift` and `luigi` read this file from the working
# directory. The README has all settings.
"""
# URLs that contain a key.
SECRET_URLS = re.compile(r"ALERTS__URLS$|HEARTBEAT_URL$")
LUIGI_SETTINGS = Path("luigi.cfg")
REPLACED_SETTING = re.compile(r"(?m)^# (?P<old>(\w+) = .*)\n\2 = .*$")
SCHEDULER_LINE = re.compile(r"(?m)^default_scheduler_url *[=:](?P<url>.*)\n")
OTHER_PREFIXES = ("AWS_", "DBT_", "OPENLINEAGE_", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True)
class File:
    """A file to write, and how."""

    path: Path
    text: str
    variables: Mapping[str, str] | None = None  # those of `.env`

    def is_written(self) -> bool:
        """Return whether the file has this content already."""
        if not os.path.lexists(self.path):
            return False
        if self.variables is not None:
            return environment.read(self.path) == dict(self.variables)
        return _read(self.path) == self.text

    def write(self) -> None:
        """Write the file; `ConfigError` if that is impossible."""
        if self.variables is not None:
            environment.write(self.path, self.variables, header=HEADER)
            return
        try:
            self.path.write_text(self.text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be written: {error.strerror}. Check its "
                "permissions."
            ) from None


def init(
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Answer for one variable, for example "
            "NIGHTSHIFT_RAW_URL=s3://bucket/raw. Repeatable. A secret must be "
            "secretsmanager:NAME or ssm:NAME here, because other users can see the "
            "command line.",
        ),
    ] = None,
    ask: Annotated[
        bool,
        typer.Option(
            "--ask/--no-input", help="Ask for what --set does not answer (default)."
        ),
    ] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing files without asking.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--doctor/--no-doctor", help="Run the checks of doctor.")
    ] = True,
) -> None:
    """Write .env, profiles.yml and luigi.cfg from answers, then run doctor.

    The files are written into the working directory. Variables that .env has already
    are kept, and are the defaults of the questions. The secrets in .env can be read by
    its owner only.
    """
    existing = _existing_answers()
    given = _given(values or [])
    answers = _answers({**existing, **given}, given, ask=ask)
    files = _files(answers)
    startup.restore_umask()  # profiles.yml and luigi.cfg contain no secrets
    _write(files, ask=ask, overwrite=overwrite)
    if not check:
        return
    environment.apply_again()
    settings.load.cache_clear()
    dbt_profile.target.cache_clear()
    checks = doctor.run_checks()
    doctor.print_checks(checks)
    if not all(result.passed for result in checks):
        raise typer.Exit(int(ExitCode.MISCONFIGURED))


def _existing_answers() -> dict[str, str]:
    """Return the variables of `.env`, and the scheduler's URL of `luigi.cfg`."""
    answers = {}
    if os.path.lexists(environment.DOTENV):
        answers = environment.read(environment.DOTENV)
    if os.path.lexists(LUIGI_SETTINGS):
        found = re.search(SCHEDULER_LINE, _read(LUIGI_SETTINGS))
        answers |= {SCHEDULER: found["url"].strip()} if found else {}
    return answers


def _given(values: list[str]) -> dict[str, str]:
    """Return the answers of --set by variable."""
    known = settings.known_variables()
    given = {}
    for text in values:
        name, separator, value = text.partition("=")
        if not separator or not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ConfigError(f"--set must be NAME=VALUE, but NAME is {name!r}.")
        name = name.upper()
        if not (
            name in known
            or name == SCHEDULER
            or name.startswith(OTHER_PREFIXES)
            or secret_values.is_file_reference(name, known)
        ):
            raise ConfigError(f"--set: {not_a_setting(name, known)} {TABLE}")
        _require_no_secret(name, value)
        _require_valid(name, value)
        given[name] = value
    return given


def _require_no_secret(name: str, value: str) -> None:
    if not is_secret_name(name) and not SECRET_URLS.search(name):
        return
    remedy = "Use a role or AWS_PROFILE, or set it in the environment"
    if name.startswith(secret_values.PREFIXES):
        if secret_values.is_reference(name, value):
            return
        remedy = (
            f"Set it to secretsmanager:NAME or ssm:NAME, set {name}_FILE to the path "
            "of a file, or answer the question"
        )
    raise ConfigError(
        f"--set {name}: a secret must not be on the command line, where other users "
        f"can see it. {remedy}."
    )


def _answers(
    defaults: Mapping[str, str], given: Mapping[str, str], *, ask: bool
) -> dict[str, str]:
    """Return the values of all variables, in the order of the questions."""
    answers: dict[str, str] = {}
    for question in QUESTIONS:
        name = question.variable
        if f"{name}_FILE" in defaults or not question.is_needed(answers):
            continue
        default = defaults.get(name, question.default)
        if name in given or not ask:
            answers[name] = default
        else:
            answers[name] = _ask(question, default)
        if not answers[name] and question.is_required:
            raise ConfigError(
                f"{name} is not answered ({question.text}). Give --set {name}=VALUE, "
                "or answer the question."
            )
    others = {name: text for name, text in defaults.items() if name not in answers}
    return {name: text for name, text in {**answers, **others}.items() if text}


def _ask(question: Question, default: str) -> str:
    """Ask until the answer is valid; an empty answer is the default."""
    name = question.variable
    while True:
        try:
            answer = str(
                typer.prompt(
                    f"{question.text} ({name})",
                    default=default,
                    show_default=bool(default) and not question.is_secret,
                    hide_input=question.is_secret,
                    err=True,
                )
            ).strip()
        except typer.Abort:
            raise ConfigError(
                f"{name} is not answered, and nothing was written. Answer all "
                f"questions, or give --set {name}=VALUE and --no-input."
            ) from None
        if not answer and question.is_required:
            error_console.print("An answer is required.")
            continue
        try:
            _require_valid(name, answer)
        except ConfigError as error:
            error_console.print(str(error))
            continue
        return answer


def _require_valid(name: str, value: str) -> None:
    is_setting = name in settings.known_variables() - settings.profile_variables()
    if not value or not is_setting or secret_values.is_reference(name, value):
        return
    if problem := settings.problems_of({name: value}).get(name):
        raise ConfigError(f"{name} is malformed: {problem}.")


def _files(answers: Mapping[str, str]) -> list[File]:
    """Return the files to write; the scheduler's URL is in luigi.cfg only."""
    variables = {name: text for name, text in answers.items() if name != SCHEDULER}
    return [
        File(environment.DOTENV, "", variables),
        File(
            Path("profiles.yml"),
            _read(environment.PROJECT / "profiles.yml.example"),
        ),
        File(LUIGI_SETTINGS, _luigi_settings(answers.get(SCHEDULER, ""))),
    ]


def _luigi_settings(scheduler_url: str) -> str:
    """Return the project's luigi.cfg, with the central scheduler if there is one.

    It then has the settings of luigi-central.cfg; those that they replace are comments.
    """
    text = SCHEDULER_LINE.sub("", _read(environment.PROJECT / "luigi.cfg"))
    text = REPLACED_SETTING.sub(r"\g<old>", text)
    text = re.sub(r"(?m)^local_scheduler = .*$", "local_scheduler = true", text)
    if not scheduler_url:
        return text
    central = configparser.RawConfigParser()
    central.read_string(_read(environment.PROJECT / "luigi-central.cfg"))
    for name, value in (i for part in central.sections() for i in central.items(part)):
        text = re.sub(rf"(?m)^({name} = .*)$", rf"# \1\n{name} = {value}", text)
    line = "local_scheduler = false\n"
    return text.replace(line, f"{line}default_scheduler_url = {scheduler_url}\n")


def _write(files: list[File], *, ask: bool, overwrite: bool) -> None:
    """Write the files that differ, after permission for those that exist."""
    changed = [file for file in files if not file.is_written()]
    existing = [file.path for file in changed if os.path.lexists(file.path)]
    refused: set[Path] = set()
    if existing and not overwrite:
        if not ask:
            names = ", ".join(str(path) for path in existing)
            raise ConfigError(
                f"{names} would be replaced, and nothing was written. Give --overwrite "
                "to replace it."
            )
        refused = {path for path in existing if not _may_replace(path)}
    for file in files:
        state = "unchanged" if file not in changed else "written"
        if file.path in refused:
            state = "kept as it was"
        elif file in changed:
            file.write()
        error_console.print(f"{file.path}: {state}")


def _may_replace(path: Path) -> bool:
    try:
        return bool(typer.confirm(f"{path} exists. Replace it?", err=True))
    except typer.Abort:
        raise ConfigError(
            f"{path} exists, and nothing was written. Answer the question, or give "
            "--overwrite."
        ) from None


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}. Restore it.") from None
