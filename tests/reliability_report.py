"""Write reports/RELIABILITY.md from the drills' own results: `make reliability`.

    python tests/reliability_report.py junit.xml reports/RELIABILITY.md

A drill is a test marked `@pytest.mark.drill("section")`. What it shows is its docstring; what was measured is the
property "measured" that it records. conftest.py writes the section and the docstring into the results.
"""

import os
import platform
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def page(junit: Path) -> str:
    """RELIABILITY.md: a table for each section, a line for each drill, the cases of a parametrized one together."""
    sections: dict[str, dict[tuple[str, str], list]] = {}
    for case in ElementTree.parse(junit).iter("testcase"):
        about = {p.get("name"): p.get("value") for p in case.iter("property")}
        drill = case.get("classname").split(".")[-1], re.sub(r"\[.*", "", case.get("name"))
        kinds = {child.tag for child in case}
        state = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        cases = sections.setdefault(about["section"], {}).setdefault(drill, [])
        cases.append((state, about.get("measured"), float(case.get("time")), about["shown"]))
    lines, passed = [], 0
    for title, drills in sorted(sections.items()):
        lines += [f"## {title}", "", "| drill | what is shown | outcome | measured |", "|:--|:--|:--|:--|"]
        for (module, test), cases in drills.items():
            states = {state for state, *_ in cases}
            state = next((s for s in ("failed", "skipped") if s in states), "passed")
            passed += state == "passed"
            words = list(dict.fromkeys(measured for _, measured, *_ in cases if measured))
            words += [f"{len(cases)} cases"] * (len(cases) > 1) + [f"{sum(case[2] for case in cases):.1f} s"]
            name = f"{test.removeprefix('test_').replace('_', ' ')} ([test](../tests/{module}.py))"
            cells = (name, cases[0][3] or "–", state, ", ".join(words))
            lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |")
        lines.append("")
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    total = sum(map(len, sections.values()))
    head = (
        "What was done to the code to break it, and what came of it. Written by `make reliability` from the tests' own "
        f"results, none of it typed: {passed} drills of {total} passed on {machine}."
    )
    return "\n".join(["# Reliability", "", head, "", *lines])


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(page(Path(sys.argv[1])), encoding="utf-8")
