"""The three ways to install say the same, and the licences of the project hold."""

import re
import subprocess
import tomllib

import pytest
import yaml

from bowerbird.runs import project_root

ROOT = project_root()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OWNERS_CARD = ("jupyterlab", "papermill", "pandas", "torch", "pywavelets", "matplotlib", "seaborn", "scipy")


def requirement_names(lines):
    return {re.split(r"[<>=\[ ;]", line)[0].lower().replace("_", "-") for line in lines}


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def test_environment_yml_installs_what_pyproject_says():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert "python=3.11" in environment["dependencies"]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == ["-c constraints.txt", "-e .[dev,baselines,search]"]
    minimum = re.search(r"3\.\d+", PROJECT["project"]["requires-python"]).group()
    assert minimum == "3.11" and "dev" in PROJECT["project"]["optional-dependencies"]


def test_every_direct_dependency_is_pinned_and_within_its_range():
    packaging = pytest.importorskip("packaging.requirements")
    pinned = {name.lower().replace("_", "-"): version for name, version in pins().items()}
    extras = PROJECT["project"]["optional-dependencies"]
    lines = sum(extras.values(), PROJECT["project"]["dependencies"])
    for line in lines:
        requirement = packaging.Requirement(line)
        name = requirement.name.lower()
        assert name in pinned, f"{name} is not pinned in constraints.txt"
        assert requirement.specifier.contains(pinned[name]), f"{name} {pinned[name]} is outside {requirement.specifier}"
    assert pinned["torch"] == "2.13.0"
    torch = next(packaging.Requirement(line) for line in lines if line.startswith("torch"))
    assert torch.specifier.contains("2.11.0"), "torch 2.11 with CUDA must be admitted"


def test_every_dependency_carries_its_reason():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for line in re.findall(r'^    "[a-z-]+>=.*$', text, re.MULTILINE):
        assert re.search(r"#\s+\w+", line), f"no reason: {line}"


def test_the_owners_packages_are_there():
    assert set(OWNERS_CARD) <= requirement_names(PROJECT["project"]["dependencies"])


def test_no_attachment_is_tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert not re.search(r"附件\d.*\.(csv|xlsx?)", listed.encode().decode("unicode_escape", "ignore") + listed)
