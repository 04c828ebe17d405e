"""The gate on this repository's own models: a change as somebody might send it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tdxcheck.checker.gate.side.citing import digest_of

ROOT = Path(__file__).parents[1]
Json = Any


def git(folder: Path, *arguments: str) -> None:
    own = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *own, *arguments], cwd=folder, check=True)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as they are here, in a repository of their own, committed."""
    root = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("these are not the files of a git repository")
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.is_file():
            target.write_bytes(source.read_bytes())
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "The specification")
    return root


def edit(clone: Path, name: str, old: str, new: str) -> None:
    path = clone / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{name} has {text.count(old)} of {old}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def gate(clone: Path) -> tuple[int, Json]:
    code = "import sys; from tdxcheck.checker.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "gate", "--format", "json", "--time", "0"],
        cwd=clone,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert not done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_change_with_all_sorts_of_things_in_it(clone: Path) -> None:
    rules = "spec/rules/coverage.py"
    # A rule made weaker, as if it had only been taken apart.
    edit(
        clone,
        rules,
        "    return forall(\n        Block,\n        lambda block: "
        "implies(host.in_tdmr[block], host.convertible(block)),\n    )",
        "    def listed(block: Block) -> Term[bool]:\n"
        "        return host.in_tdmr[block] & host.td_memory_available(block)\n\n"
        "    return forall(\n        Block, lambda block: "
        "implies(listed(block), host.convertible(block))\n    )",
    )
    # A guard dropped.
    loaded = "    host.require(host.kvm == Kvm.LOADED)\n    host.require(may_initialize"
    edit(clone, "models/designs/v8.py", loaded, "    host.require(may_initialize")
    # A citation that is not the same.
    edit(clone, rules, 'BASE_SPEC.at("ch. 4.1.3.1")', 'BASE_SPEC.at("ch. 4.1.3.9")')
    # The same rule, otherwise.
    edit(
        clone,
        rules,
        "return implies(host.tdx_in_use(), ~host.td_page_refused)",
        "return ~(host.td_page_refused & host.tdx_in_use())",
    )
    status, report = gate(clone)
    assert status == 1
    told = {(f["kind"], f["subject"]): f for f in report["findings"]}
    weaker = told["rule-weakened", "tdmrs_lie_in_cmrs"]
    assert weaker["file"] == rules
    lines = [line for w in weaker["witnesses"] for line in w["lines"]]
    assert any("before: the rule is broken: for block" in line for line in lines)
    assert "now: the rule holds there" in lines
    dropped = told["guard-dropped", "list_memory_at_once"]
    assert dropped["message"] == "no longer requires: kvm = LOADED"
    assert dropped["file"] == "models/designs/v8.py"
    added = told["behaviour-added", "list_memory_at_once"]
    assert added["designs"] == ["v8"]
    assert "after 0 steps" in added["witnesses"][0]["title"]
    cited = told["citation-changed", "tdmrs_lie_in_cmrs"]
    assert "BASE, ch. 4.1.3.1, and now cites BASE, ch. 4.1.3.9" in cited["message"]
    harmless = told["rule-reworded", "no_td_is_killed_by_its_memory"]
    assert harmless["weight"] == "note"
    assert report["compared"] == ["v8"]
    # That it now happens in v8 is the guard's doing, and said as such.
    about = {k for k, s in told if s == "no_td_is_killed_by_its_memory"}
    assert about == {"rule-reworded"}


def test_every_clause_that_is_cited_has_a_fact_and_none_is_stale() -> None:
    """`tdxcheck gate --record-facts` writes down what is missing."""
    from tdxcheck.checker.gate.side.citing import clauses, facts_of
    from tdxcheck.checker.gate.side.loading import load

    tree = load("tdxcheck.models.catalogue", ROOT, "counterexamples")
    facts, cited = facts_of(tree), clauses(tree)
    assert facts.keys() == cited.keys()
    for key, clause in cited.items():
        fact = facts[key]["fact"]
        assert fact, key
        assert facts[key]["digest"] == digest_of(clause["title"], key, fact), key
