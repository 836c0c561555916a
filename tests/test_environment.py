"""The ways to install say the same, what is printed of the results is what the report says, and the licences hold."""

import ast
import importlib.util
import os
import re
import subprocess
import tomllib

import pytest
import yaml

from bowerbird.runs import project_root

ROOT = project_root()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
OWNERS_CARD = ("jupyterlab", "papermill", "pandas", "torch", "pywavelets", "matplotlib", "seaborn", "scipy")


def requirement_names(lines):
    return {re.split(r"[<>=\[ ;]", line)[0].lower().replace("_", "-") for line in lines}


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def extras_of(text):
    """Which extras of the package an installation takes: -e .[a,b]."""
    return set(re.search(r'-e "?\.\[([a-z,]+)\]', text).group(1).split(","))


def test_environment_yml_installs_what_pyproject_says():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert set(environment) == {"name", "channels", "dependencies"} and environment["channels"] == ["conda-forge"]
    *conda, last = environment["dependencies"]
    assert conda == ["python=3.11", "pip"], "the versions of all else are those of constraints.txt"
    constraints, package = last["pip"]
    assert constraints == "-c constraints.txt" and (ROOT / "constraints.txt").is_file()
    of_make = extras_of((ROOT / "Makefile").read_text(encoding="utf-8"))
    assert extras_of(package) == of_make | {"interactive"} <= set(EXTRAS) and "dev" in of_make
    minimum = re.search(r"3\.\d+", PROJECT["project"]["requires-python"]).group()
    assert minimum == "3.11"


def test_binder_installs_the_package_within_the_pins():
    environment = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"] == ["python=3.11", "pip"]
    script = ROOT / "binder" / "postBuild"
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/bin/bash\n") and os.access(script, os.X_OK), "Binder runs it"
    of_conda = extras_of((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert "-c constraints.txt" in text and extras_of(text) == of_conda - {"dev"}
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


def test_the_citation_names_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation), "what its schema requires"
    assert citation["version"] == PROJECT["project"]["version"] and citation["license"] == PROJECT["project"]["license"]
    assert [author["name"] for author in citation["authors"]] == [a["name"] for a in PROJECT["project"]["authors"]]
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Meng", "Zhao", "Bi"] and paper["year"] == 2024


def test_the_chinese_readme_has_the_numbers_of_the_readme():
    text = (ROOT / "README.zh.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    numbers = r"\d+(?:[.,]\d+)*"
    said = set(re.findall(numbers, text)) - {"2024"}
    assert said <= set(re.findall(numbers, readme)), "a number that README.md does not have"
    for command in re.findall(r"^    (make \w+)", text, re.MULTILINE):
        assert f"    {command}" in readme
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (ROOT / link).exists(), link


def test_every_direct_dependency_is_pinned_and_within_its_range():
    packaging = pytest.importorskip("packaging.requirements")
    pinned = {name.lower().replace("_", "-"): version for name, version in pins().items()}
    lines = sum(EXTRAS.values(), PROJECT["project"]["dependencies"])
    for line in lines:
        requirement = packaging.Requirement(line)
        name = requirement.name.lower()
        assert name in pinned, f"{name} is not pinned in constraints.txt"
        assert requirement.specifier.contains(pinned[name]), f"{name} {pinned[name]} is outside {requirement.specifier}"
    assert pinned["torch"] == "2.13.0"
    torch = next(packaging.Requirement(line) for line in lines if line.startswith("torch"))
    assert torch.specifier.contains("2.11.0"), "torch 2.11 with CUDA must be admitted"


def test_the_owners_packages_are_there():
    assert set(OWNERS_CARD) <= requirement_names(PROJECT["project"]["dependencies"])


def test_no_attachment_is_tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert not re.search(r"附件\d.*\.(csv|xlsx?)", listed.encode().decode("unicode_escape", "ignore") + listed)


def test_what_the_bench_imports_is_there():
    for path in (ROOT / "tests" / "bench").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bowerbird"):
                package = importlib.import_module(node.module)
                for name in (alias.name for alias in node.names):
                    there = hasattr(package, name) or importlib.util.find_spec(f"{node.module}.{name}")
                    assert there, f"{path.name}: {node.module} has no {name}"
