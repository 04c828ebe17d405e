"""Outside this repository: a wheel is enough, and CI files work as written."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "continuous-integration.md").read_text(encoding="utf-8")
BROKEN = "    host.require(tdx_can_use(host, block), otherwise=REFUSED)\n"
"""A line of the template's design without which its rule is broken."""


@dataclass(frozen=True)
class Installed:
    """An environment that has a wheel of this tree, and no access to an index."""

    wheel: Path
    venv: Path

    def run(
        self, line: str, folder: Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """A line, or several, as the shells of GitHub and GitLab run them."""
        clean = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PYTHON", "PYTEST", "GITHUB"))
        }
        path = f"{self.venv / 'bin'}{os.pathsep}{clean['PATH']}"
        given = {"PIP_NO_INDEX": "1", "TDXCHECK": str(self.wheel), **environment}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", line],
            cwd=folder, env={**clean, "PATH": path, **given},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def well(self, line: str, folder: Path, **environment: str) -> str:
        done = self.run(line, folder, **environment)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The same for every process of the tests, one of which makes it."""
    base = tmp_path_factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with open(place / "installed.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = place / "installed"
        if not made.exists():
            build(place / "building")
            (place / "building").rename(made)
    (wheel,) = made.glob("*.whl")
    return Installed(wheel, made / "venv")


def build(place: Path) -> None:
    place.mkdir()
    tree = place / "tree"
    copy_to(tree)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(place), str(tree)]
    # Without a compiler, to be quick: numpy does the work of the kernels.
    environment = {**os.environ, "CC": "/bin/false"}
    subprocess.run([*pip, *wheel], check=True, env=environment, timeout=200)
    (built,) = place.glob("*.whl")
    venv = place / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (target,) = (venv / "lib").glob("python3*/site-packages")
    subprocess.run(
        [*pip, "--python", venv / "bin" / "python", "install", "--no-deps", built],
        check=True, timeout=100,
    )  # fmt: skip
    # What it needs is there already; the environment's own tdxcheck comes first.
    (target / "others.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    # A script names the place of its Python, and this one is moved.
    script = venv / "bin" / "tdxcheck"
    moved = str(place.parent / "installed")
    script.write_text(script.read_text().replace(str(place), moved))


def copy_to(tree: Path) -> None:
    """What a commit of this tree would have, without the tests."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        source, copy = ROOT / name, tree / name
        if name.startswith("tests/") or not os.path.lexists(source):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            copy.symlink_to(os.readlink(source))
        else:
            copy.write_bytes(source.read_bytes())


def steps(workflow: Any) -> dict[str, str]:
    """The commands of a workflow of GitHub, by the names of its steps."""
    (job,) = workflow["jobs"].values()
    return {step["name"]: step["run"] for step in job["steps"] if "run" in step}


def project(installed: Installed, folder: Path, *, broken: bool = False) -> Path:
    """A new project, whose design keeps its promise or does not."""
    installed.well("tdxcheck new mine", folder)
    mine = folder / "mine"
    if broken:
        before, _, after = (mine / "design.py").read_text().rpartition(BROKEN)
        (mine / "design.py").write_text(before + after)
    return mine


def quick(command: str) -> str:
    """The command, asked about two rules and by one engine."""
    rules = ("no_memory_outside_tdmrs_is_added", "td_memory_lies_in_tdmrs")
    asked = " ".join(f"--rule {rule}" for rule in rules)
    return command.replace("tdxcheck verify", f"tdxcheck verify {asked}").replace(
        "verify --rule", "verify --engine diagrams --rule"
    )


def test_a_new_project_is_judged_and_tested(
    installed: Installed, tmp_path: Path
) -> None:
    where = 'python -c "import tdxcheck; print(tdxcheck.__file__)"'
    assert installed.well(where, tmp_path).startswith(str(installed.venv))
    mine = project(installed, tmp_path)
    told = installed.well("tdxcheck verify --engine diagrams", mine)
    assert re.search(r"(\d+) questions: \1 as expected; ", told)
    told = installed.well("python -m pytest -q -k 'mine and (tdmrs or happen)'", mine)
    assert re.search(r"\d+ passed, \d+ deselected", told)


@pytest.mark.parametrize("broken", [False, True])
def test_the_workflow_of_a_new_project(
    broken: bool, installed: Installed, tmp_path: Path
) -> None:
    mine = project(installed, tmp_path, broken=broken)
    (mine / ".git").mkdir()
    workflow = yaml.safe_load((mine / ".github/workflows/tdxcheck.yml").read_text())
    assert workflow["env"] == {"TDXCHECK": "tdxcheck"}
    commands = steps(workflow)
    assert list(commands) == ["Install", "Judge", "Test"]
    installed.well(commands["Install"], mine)
    done = installed.run(quick(commands["Judge"]), mine)
    assert done.returncode == broken
    marked = re.findall("^::error .*file=design.py,line=", done.stdout, re.MULTILINE)
    assert bool(marked) is broken
    assert (mine / "tdxcheck.sarif").is_file()
    told = installed.run(f"{commands['Test']} -q -k 'mine and outside_tdmrs'", mine)
    assert told.returncode == broken, told.stdout + told.stderr
    assert ("VIOLATED here" in told.stdout) is broken


def settled(values: Mapping[str, str], inputs: Mapping[str, str]) -> dict[str, str]:
    """The variables of a step, with each `inputs.NAME` put in its place."""
    return {
        key: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: inputs[found[1]], text)
        for key, text in values.items()
    }


@pytest.mark.parametrize("broken", [False, True])
def test_the_action_of_github(
    broken: bool, installed: Installed, tmp_path: Path
) -> None:
    mine = project(installed, tmp_path, broken=broken)
    (tmp_path / ".git").mkdir()
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    inputs = {name: each["default"] for name, each in action["inputs"].items()}
    assert set(inputs) == {"arguments", "directory", "tdxcheck", "sarif", "junit"}
    install, judge = action["runs"]["steps"]
    inputs |= {"arguments": "mine --engine diagrams", "tdxcheck": str(installed.wheel)}
    inputs |= {"directory": "mine"}
    for step in (install, judge):
        assert step["shell"] == "bash", "a composite action has no default"
        assert "${{" not in step["run"], "what is given is never part of a command"
    installed.well(install["run"], tmp_path, **settled(install["env"], inputs))
    files = {"GITHUB_OUTPUT": tmp_path / "out", "GITHUB_STEP_SUMMARY": tmp_path / "sum"}
    given = settled(judge["env"], inputs) | {k: str(v) for k, v in files.items()}
    done = installed.run(judge["run"], mine, **given)
    assert done.returncode == broken, done.stdout + done.stderr
    assert ("::error title=mine%3A no_memory" in done.stdout) is broken
    assert ("file=mine/design.py" in done.stdout) is broken
    assert files["GITHUB_OUTPUT"].read_text() == "sarif=mine/tdxcheck.sarif\n"
    assert (
        files["GITHUB_STEP_SUMMARY"]
        .read_text()
        .startswith(f"## tdxcheck verify: {'not as' if broken else 'as'} expected\n")
    )
    root = ElementTree.parse(mine / "tdxcheck.xml").getroot()
    assert (root.get("failures") != "0") is broken
    assert (mine / "tdxcheck.sarif").is_file()


def settings(name: str) -> Any:
    """A file that the page shows."""
    found = re.search(
        rf"^```yaml file={re.escape(name)}\n(.*?)^```$", PAGE, re.M | re.S
    )
    assert found, name
    return yaml.safe_load(found[1])


def test_the_job_of_gitlab(installed: Installed, tmp_path: Path) -> None:
    mine = project(installed, tmp_path)
    job = settings(".gitlab-ci.yml")["tdxcheck"]
    assert job["variables"] == {"TDXCHECK": "tdxcheck"}
    for line in job["script"]:
        installed.well(quick(line), mine)
    report = mine / job["artifacts"]["reports"]["junit"]
    assert ElementTree.parse(report).getroot().get("failures") == "0"


@pytest.mark.parametrize("broken", [False, True])
def test_the_hook_of_pre_commit(
    broken: bool, installed: Installed, tmp_path: Path
) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    (repository,) = settings(".pre-commit-config.yaml")["repos"]
    (used,) = repository["hooks"]
    assert used["id"] == hook["id"] and hook["pass_filenames"] is False
    assert hook["language"] == "python"
    assert re.search(hook["files"], "design.py")
    assert not re.search(hook["files"], "README.md")
    mine = project(installed, tmp_path, broken=broken)
    command = " ".join([hook["entry"], *used["args"]])
    assert command == "tdxcheck verify --engine diagrams"
    assert installed.run(quick(command), mine).returncode == broken


def test_the_workflow_of_the_page_uses_the_action() -> None:
    (job,) = settings(".github/workflows/tdxcheck.yml")["jobs"].values()
    uses = [step["uses"] for step in job["steps"]]
    assert "OWNER/tdxcheck@main" in uses
    (upload,) = [step for step in job["steps"] if "upload-sarif" in step["uses"]]
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert upload["with"]["sarif_file"] == action["inputs"]["sarif"]["default"]
