"""What is configured once holds: CI, hooks, forms, the editor, the lock file."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pg_evident.places import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()
LOCK = (ROOT / "requirements-dev.lock").read_text()

_CALL = re.compile(r"^make((?: +-\S+)*) +([\w-]+)((?: +[A-Z]+=\S*)*)$", re.M)
_VALUE = re.compile(r"\$\{\{ matrix\.(\w+) \}\}")
_PIN = re.compile(r"([\w.-]+)==([\w.]+)(?: ; [\w.]+ [!<>=]+ '[^']+'(?: and .+)?)?")


def load(path: Path) -> dict[Any, Any]:
    """Parse one file of YAML."""
    content = yaml.safe_load(path.read_text())
    assert isinstance(content, dict)
    return content


def runs(workflow: dict[Any, Any]) -> Iterator[str]:
    """Give each command, once for each entry of its job's matrix."""
    for job in workflow["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {}).get("include", [{}])
        for step in job["steps"]:
            for entry in matrix:
                yield fill(step.get("run", ""), entry)


def fill(command: str, entry: dict[str, Any]) -> str:
    """Put the values of a matrix into a command."""
    return _VALUE.sub(lambda found: str(entry[found[1]]), command)


def unknown_calls(commands: Iterable[str]) -> list[str]:
    """List calls of make whose target or variable the Makefile does not have."""
    targets = set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.M))
    variables = set(re.findall(r"^([A-Z]+) \??=", MAKEFILE, re.M))
    unknown = []
    for command in commands:
        calls = _CALL.findall(command)
        if command.startswith("make") and not calls:
            unknown.append(command)
        for _, target, given in calls:
            names = set(re.findall(r"([A-Z]+)=", given))
            if target not in targets or not names <= variables:
                unknown.append(command)
    return unknown


def test_ci_calls_targets_that_exist() -> None:
    called = [each for path in WORKFLOWS for each in runs(load(path))]
    assert unknown_calls(called) == []
    for each in ("lint", "pgtap MAJORS=15", "pgtap MAJORS=18", "wheel"):
        assert f"make {each}" in called
    for major in (15, 18):
        assert f"make pytest MAJORS={major}" in called


@pytest.mark.parametrize("call", ["make lnt", "make pgtap MAJOR=15", "make"])
def test_a_call_of_nothing_is_found(call: str) -> None:
    assert unknown_calls(["make lint", call]) == [call]


def test_each_job_of_ci_is_limited() -> None:
    for path in WORKFLOWS:
        workflow = load(path)
        assert workflow["permissions"] == {"contents": "read"}
        assert workflow["concurrency"]["cancel-in-progress"] is True
        for job in workflow["jobs"].values():
            assert "permissions" not in job
            minutes = [
                int(fill(str(job["timeout-minutes"]), entry))
                for entry in job["strategy"]["matrix"]["include"]
            ]
            assert all(0 < each <= 60 for each in minutes)
            used = [step["uses"] for step in job["steps"] if "uses" in step]
            assert any(each.startswith("actions/cache@") for each in used)
            assert all(re.fullmatch(r"actions/\w+@v\d+", each) for each in used)


def test_the_hook_calls_a_target_that_exists() -> None:
    (repository,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    (hook,) = repository["hooks"]
    assert repository["repo"] == "local"
    assert unknown_calls([hook["entry"]]) == []
    assert hook["entry"].split()[-1] == "lint"


def test_the_forms_are_complete() -> None:
    forms = [path for path in FORMS if path.name != "config.yml"]
    assert {path.stem for path in forms} == {"bug", "feature"}
    for path in forms:
        form = load(path)
        assert {"name", "description", "body"} <= set(form)
        fields = [each for each in form["body"] if each["type"] != "markdown"]
        names = [each["id"] for each in fields]
        assert len(set(names)) == len(names)
        assert all(each["attributes"]["label"] for each in fields)
    assert load(ROOT / ".github/ISSUE_TEMPLATE/config.yml") == {
        "blank_issues_enabled": False
    }


def test_the_editor_knows_what_the_linters_check() -> None:
    editor = configparser.ConfigParser(interpolation=None)
    editor.read_string("[top]\n" + (ROOT / ".editorconfig").read_text())
    code = editor["*.{py,sql,sh,mjs}"]
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    sqlfluff = configparser.ConfigParser()
    sqlfluff.read(ROOT / ".sqlfluff")
    assert code.getint("max_line_length") == tools["ruff"]["line-length"]
    assert code.get("max_line_length") == sqlfluff["sqlfluff"]["max_line_length"]
    indentation = sqlfluff["sqlfluff:indentation"]
    assert editor["*"]["indent_style"] == indentation["indent_unit"]
    assert code["indent_size"] == indentation["tab_space_size"]
    assert editor["Makefile"]["indent_style"] == "tab"
    attributes = (ROOT / ".gitattributes").read_text()
    assert editor["*"]["end_of_line"] == "lf" and "*.sql text eol=lf" in attributes
    assert set(editor["tests/golden/**"].values()) == {"unset"}
    assert "tests/golden/* -text" in attributes


def normal(name: str) -> str:
    """Write the name of a package as the lock file does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_file_has_versions_alone() -> None:
    lines = [each for each in LOCK.splitlines() if not each.startswith("#")]
    assert [each for each in lines if not _PIN.fullmatch(each)] == []
    assert "://" not in LOCK and "--" not in LOCK


def test_the_lock_file_has_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(
            name
            for extra in project["optional-dependencies"].values()
            for name in extra
        ),
    ]
    names = {normal(re.split(r"[\[<>=!~; ]", each)[0]) for each in wanted}
    locked = {normal(each) for each in re.findall(r"^([\w.-]+)==", LOCK, re.M)}
    # An extra may name the extras of the package itself.
    assert names - locked - {project["name"]} == set()


def test_make_installs_what_is_locked() -> None:
    installs = re.findall(r"pip install .*-e .*", MAKEFILE)
    assert installs
    assert all("-c $(LOCK)" in each for each in installs)
    assert "LOCK := requirements-dev.lock" in MAKEFILE
