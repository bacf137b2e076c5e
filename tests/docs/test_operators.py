"""What operators are told: each setting, each metric, and alert rules over metrics that there are."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest
import yaml

from tests.docs.generated import DOCS, module

SOURCES = Path(__file__).parents[2] / "bridge"
_SUFFIXES = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_sum", "_count")}
_PROMTOOL = which("promtool")
_NAME = re.compile(r"\b(?:videoconsulta|http)_[a-z_]+\b")


def metrics() -> Iterator[tuple[str, str]]:
    """The kind and the name of every metric that the code makes."""
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SUFFIXES:
                name = node.args[0]
                assert isinstance(name, ast.Constant), f"{path}: a metric's name is written where it is made"
                yield node.func.id, str(name.value)


def test_every_setting_is_described() -> None:
    """docs/settings.md is what the models say; whoever changes a setting runs `make docs`."""
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == module("setting_tables").page()


def test_every_metric_is_described() -> None:
    """Whoever adds a metric says in docs/operators.md what it counts."""
    text = (DOCS / "operators.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `((?:videoconsulta|http)_[a-z_]+)", text, re.MULTILINE))
    made = {name + ("_total" if kind == "Counter" else "") for kind, name in metrics()}
    assert len(made) >= 7
    assert described == made


def test_alerts_are_over_metrics_that_there_are() -> None:
    """docs/alerts.yml has the form of Prometheus' rule files, and names nothing that we don't count."""
    there = {name + suffix for kind, name in metrics() for suffix in _SUFFIXES[kind]}
    (group,) = yaml.safe_load((DOCS / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(set(names)) == len(names) >= 7
    for rule in group["rules"]:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"].keys() == {"severity"}
        assert rule["annotations"].keys() == {"summary"}
        assert set(_NAME.findall(rule["expr"])) <= there
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert re.fullmatch(r"[0-9]+[mh]", rule.get("for", "0m"))


@pytest.mark.skipif(_PROMTOOL is None, reason="Prometheus' promtool is not installed")
def test_alerts_fire_when_they_should() -> None:
    """By Prometheus' own tool, on made-up series."""
    for what, path in (("check", DOCS / "alerts.yml"), ("test", Path(__file__).with_name("alerts_test.yml"))):
        subprocess.run([_PROMTOOL, what, "rules", path], check=True)  # noqa: S603 our own files
