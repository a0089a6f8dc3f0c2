"""The deployment files: what they name exists. `make lint` checks their syntax."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from luigi.configuration.cfg_parser import LuigiConfigParser

from loaders.config import settings

PROJECT = Path(__file__).resolve().parents[2]
DEPLOY = PROJECT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").iterdir())
INSTALLED = "/opt/nightshift"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _dockerfile() -> list[str]:
    """Return the instructions of the Dockerfile, one per line."""
    lines = _text(DEPLOY / "Dockerfile").replace("\\\n", " ").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_image_copies_files_that_the_build_context_has() -> None:
    allowed = [
        line[1:]
        for line in _text(PROJECT / ".dockerignore").splitlines()
        if line.startswith("!")
    ]
    for line in _dockerfile():
        if line.startswith("COPY") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert list(PROJECT.glob(source)), source
                parents = {source, *map(str, Path(source).parents)}
                assert parents & set(allowed), f"{source} is ignored"


def test_image_has_all_that_the_product_reads() -> None:
    copied = " ".join(line for line in _dockerfile() if line.startswith("COPY"))
    for name in ("loaders", "looker", "reports", "orchestrate", "models", "macros"):
        assert f" {name} " in copied
    files = ("dbt_project.yml", "selectors.yml", "pyproject.toml")
    for name in ("seeds", "tests/dbt", *files):
        assert f" {name} " in copied
    entry = [line for line in _dockerfile() if line.startswith("ENTRYPOINT")]
    assert entry[0] == 'ENTRYPOINT ["nightshift"]'
    final = max(n for n, line in enumerate(_dockerfile()) if line.startswith("FROM"))
    assert _dockerfile()[final] == "FROM nightshift"


def test_image_installs_with_hashes_and_runs_as_another_user() -> None:
    installs = [line for line in _dockerfile() if "pip install" in line]
    assert len(installs) == 3
    for line in installs:
        assert "--require-hashes" in line or "--no-index -e ." in line
    users = [line.split()[1] for line in _dockerfile() if line.startswith("USER")]
    assert users[0] == users[-1] == "10001"
    assert any(line.startswith("HEALTHCHECK") for line in _dockerfile())


def test_compose_profiles_have_what_they_need() -> None:
    compose = yaml.safe_load(_text(DEPLOY / "compose.yaml"))
    services = compose["services"]
    for profile, names in (
        ("production", {"luigid", "nightly"}),
        ("try-out", {"luigid", "emulators"}),
    ):
        assert {n for n, s in services.items() if profile in s["profiles"]} == names
    for service in services.values():
        assert service["read_only"] is True
        assert any(volume.endswith(":/app/var") for volume in service["volumes"])
        assert set(service.get("depends_on", {})) <= {"luigid"}
        names = [volume.partition(":")[0] for volume in service["volumes"]]
        assert set(names) <= set(compose["volumes"])
    assert "healthcheck" in services["luigid"]


def test_production_loop_sleeps_until_the_next_start() -> None:
    compose = yaml.safe_load(_text(DEPLOY / "compose.yaml"))
    (script,) = compose["services"]["nightly"]["command"]
    expression = re.search(r"sleep (\$\$\(\(.*\)\))", script)
    assert expression is not None
    for now, seconds in ((0, 7200), (7199, 1), (7200, 86400), (86399, 7201)):
        text = expression[1].replace("$$", "$").replace("$(date +%s)", str(now))
        line = f"START_SECONDS=7200; printf %s {text}"
        assert int(subprocess.check_output(["sh", "-c", line])) == seconds


def test_kubernetes_runs_one_worker_at_a_time() -> None:
    documents = yaml.safe_load_all(_text(DEPLOY / "kubernetes" / "nightshift.yaml"))
    job = next(d["spec"] for d in documents if d["kind"] == "CronJob")
    assert job["concurrencyPolicy"] == "Forbid"
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"] == ["run", "--workers", "1"]
    assert container["resources"]["limits"]["memory"]
    assert container["livenessProbe"]["exec"]["command"] == ["nightshift", "--version"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    mounts = {m["mountPath"] for m in container["volumeMounts"] if "readOnly" not in m}
    assert mounts == {"/app/var", "/tmp"}
    rules = job["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert rules[0]["onExitCodes"]["values"] == [2, 3]


def _runs_in_containers() -> dict[str, dict[str, str]]:
    """Return the variables of each service and pod that runs with luigid."""
    compose = yaml.safe_load(_text(DEPLOY / "compose.yaml"))["services"]
    cron_job, maps, services = {}, {}, {}
    for path in (DEPLOY / "kubernetes").iterdir():
        for document in yaml.safe_load_all(_text(path)):
            name = document["metadata"]["name"]
            if document["kind"] == "CronJob":
                cron_job = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            elif document["kind"] == "ConfigMap":
                maps[name] = document["data"]
            elif document["kind"] == "Service":
                services[name] = document["spec"]["ports"][0]["port"]
    assert services == {"luigid": 8082}
    (container,) = cron_job["containers"]
    pod = {each["name"]: each["value"] for each in container["env"]}
    for each in container["envFrom"]:
        if "configMapRef" in each:
            pod |= maps.pop(each["configMapRef"]["name"])
    assert not maps, "a ConfigMap that nobody uses"
    return {
        "nightly": compose["nightly"]["environment"],
        "emulators": compose["emulators"]["environment"],
        "pod": pod,
    }


def test_runs_in_containers_share_the_settings_of_the_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The scheduler's URL is a variable; everything else is in luigi-central.cfg."""
    copied = [part for line in _dockerfile() for part in line.split()]
    for name, variables in _runs_in_containers().items():
        path = variables["LUIGI_CONFIG_PATH"]  # below the working directory
        assert any(Path(path).match(pattern) for pattern in copied), name
        monkeypatch.setenv("LUIGI_SCHEDULER_URL", variables["LUIGI_SCHEDULER_URL"])
        config = LuigiConfigParser()
        config.read([PROJECT / "luigi.cfg", PROJECT / path])
        assert not config.getboolean("core", "local_scheduler")
        assert config.get("core", "default_scheduler_url") == "http://luigid:8082"
        assert config.get("worker", "max_keep_alive_idle_duration") == "40 seconds"
        # The try-out has no settings, so that it finds those of the demo.
        log_format = variables.get("NIGHTSHIFT_LOG_FORMAT")
        assert log_format == (None if name == "emulators" else "json"), name


def test_settings_of_the_files_exist() -> None:
    known = settings.known_variables()
    known |= {f"{name}_FILE" for name in known}
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    for path in [*files, *WORKFLOWS]:
        for name in re.findall(r"\bNIGHTSHIFT_[A-Z][A-Z_]*[A-Z]\b", _text(path)):
            assert name in known, f"{path.name}: {name}"


def test_units_and_cron_line_start_what_is_installed() -> None:
    for path in [*UNITS, DEPLOY / "crontab"]:
        for command in re.findall(rf"{INSTALLED}/\.venv/bin/(\w+)", _text(path)):
            assert (PROJECT / ".venv" / "bin" / command).exists(), command
    service = _text(DEPLOY / "systemd" / "nightshift.service")
    assert f"ReadWritePaths={INSTALLED}/var\n" in service
    assert "RestartPreventExitStatus=2 3\n" in service
    (line,) = [
        text
        for text in _text(DEPLOY / "crontab").splitlines()
        if text and not text.startswith(("#", "MAILTO"))
    ]
    assert re.fullmatch(r"(\S+ ){5}nightshift cd \S+ && \S+/nightshift run .*", line)


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    """Verify a unit as installed in this folder, for this user. Needs systemd."""
    for path in UNITS:
        text = _text(path).replace(INSTALLED, str(PROJECT))
        text = re.sub(r"(?m)^(User|Group)=.*$", r"\1=root", text)
        (tmp_path / path.name).write_text(text)
    program = shutil.which("systemd-analyze")
    assert program, "install systemd, or deselect this test"
    result = subprocess.run(
        [program, "verify", "--man=no", f"./{unit.name}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_targets_and_macros_that_exist(path: Path) -> None:
    workflow: dict[Any, Any] = yaml.safe_load(_text(path))
    makefile = _text(PROJECT / "Makefile")
    macros = "".join(_text(file) for file in (PROJECT / "macros").glob("*.sql"))
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", "")):
                assert re.search(rf"(?m)^{target}:", makefile), target
            for name in re.findall(r"run-operation (\w+)", step.get("run", "")):
                assert f"macro {name}(" in macros, name
