"""Write reports/RELIABILITY.md from the drills' own results: `make reliability`.

    python tests/reliability_report.py --tests                               which tests to run, a line each
    python tests/reliability_report.py junit.xml reports/RELIABILITY.md      the page, from what they left; of several
                                                                             files the last that has a test counts

What a drill shows is the docstring of its test; what was measured, the property "measured" that the test records.
"""

import ast
import os
import platform
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TESTS = Path(__file__).parent
SECTIONS = {
    "test_reliability_reader": "Damaged attachments",
    "test_reliability_runs": "Runs killed, doubled, without room, without a kernel",
    "test_reliability_training": "Trainings that go astray, and the same bits",
    "test_reliability_memory": "Ten times the data",
    "test_reliability_hostile": "Hostile ids, and files that would run code",
}
ELSEWHERE = {
    "Daily operation": {
        "test_operation_store": ("test_killed_at_random_moments_it_goes_on_and_ends_the_same",
                                 "test_one_writer_at_a_time", "test_memory_is_replaced_and_runs_no_code"),
        "test_operation_delivery": ("test_any_change_of_bytes_is_read_right_or_refused",),
        "test_operation_day": ("test_hostile_ids_reach_neither_page_nor_spreadsheet",),
    },
    "The same bits with any number of workers, and after a stop": {
        "test_sbo": ("test_same_bits_with_any_executor", "test_an_interrupted_search_resumes_to_the_bit",
                     "test_failures_are_scored_in_processes_too"),
        "test_ladder": ("test_the_same_bits_from_an_executor", "test_an_interrupted_run_resumes"),
        "test_dm": ("test_chunks_and_workers_change_nothing", "test_processes_give_the_same_bits"),
        "test_inventory_monte_carlo": ("test_the_same_seed_gives_the_same_bits_with_any_executor",
                                       "test_the_same_bits_from_processes"),
        "test_inventory_learned_policy": ("test_the_same_seed_trains_the_same_rule_and_leaves_torch_alone",),
        "test_forecaster_tuning": ("test_an_interrupted_search_goes_on_where_it_was",),
    },
}  # fmt: skip
"""Drills among the modules' own tests."""


def drills(module: str) -> dict[str, str]:
    """Tests of a module in their order: name -> the sentence it begins with, or its name where it has none."""
    body = ast.parse((TESTS / f"{module}.py").read_text(encoding="utf-8")).body
    tests = [node for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return {node.name: " ".join((ast.get_docstring(node) or "").split()) for node in tests}


def listed() -> dict[str, dict[str, tuple[str, ...]]]:
    """Section -> module -> tests."""
    own = {title: {module: tuple(drills(module))} for module, title in SECTIONS.items()}
    return own | ELSEWHERE


def outcomes(junit: Path) -> dict[str, tuple[str, str]]:
    """module::test -> passed, failed or skipped, and what it measured; parameters of a test together."""
    found: dict[str, list[tuple[str, str, float]]] = {}
    for case in ElementTree.parse(junit).iter("testcase"):
        module = case.get("classname").split(".")[-1]
        name = re.sub(r"\[.*", "", case.get("name"))
        kinds = {child.tag for child in case}
        state = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        words = [p.get("value") for p in case.iter("property") if p.get("name") == "measured"]
        found.setdefault(f"{module}::{name}", []).append((state, "; ".join(words), float(case.get("time"))))
    return {test: _together(results) for test, results in found.items()}


def _together(results: list[tuple[str, str, float]]) -> tuple[str, str]:
    states = [state for state, *_ in results]
    state = next((s for s in ("failed", "skipped") if s in states), "passed")
    words = [*dict.fromkeys(words for _, words, _ in results if words)]
    cases = [f"{len(results)} cases"] if len(results) > 1 else []
    return state, ", ".join([*words, *cases, f"{sum(seconds for *_, seconds in results):.1f} s"])


def page(*junit: Path) -> str:
    """RELIABILITY.md."""
    seen = {test: outcome for one in junit for test, outcome in outcomes(one).items()}
    counts = [seen.get(f"{m}::{t}", ("not run", ""))[0] for tests in listed().values() for m in tests for t in tests[m]]
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        "# Reliability", "",
        "What was done to the code to break it, and what came of it. Written by `make reliability` from the tests' own "
        f"results, none of it typed: {counts.count('passed')} drills of {len(counts)} passed on {machine}.", "",
    ]  # fmt: skip
    for title, modules in listed().items():
        lines += [f"## {title}", "", "| drill | what is shown | outcome | measured |", "|:--|:--|:--|:--|"]
        for module, tests in modules.items():
            shown = drills(module)
            for test in tests:
                state, measured = seen.get(f"{module}::{test}", ("not run", ""))
                cells = (f"{test.removeprefix('test_').replace('_', ' ')} ([test](../tests/{module}.py))",
                         shown[test] or "–", state, measured)  # fmt: skip
                lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__" and sys.argv[1] == "--tests":
    for modules in listed().values():
        for module, tests in modules.items():
            print(*(f"tests/{module}.py::{test}" for test in tests), sep="\n")
elif __name__ == "__main__":
    Path(sys.argv[-1]).write_text(page(*map(Path, sys.argv[1:-1])), encoding="utf-8")
