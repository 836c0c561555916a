"""reports/RELIABILITY.md: what it is made from, and that it lists every drill there is."""

import re

import pytest
from reliability_report import ELSEWHERE, SECTIONS, TESTS, drills, listed, outcomes, page

from bowerbird.runs import project_root

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.test_reliability_memory" name="test_ten_times_the_contest_in_bounded_memory" time="12.34">
 <properties><property name="measured" value="3 rows"/></properties></testcase>
<testcase classname="tests.test_sbo" name="test_same_bits_with_any_executor[a]" time="1"/>
<testcase classname="tests.test_sbo" name="test_same_bits_with_any_executor[b]" time="2"><failure/></testcase>
<testcase classname="tests.test_dm" name="test_processes_give_the_same_bits" time="0"><skipped/></testcase>
</testsuite></testsuites>"""


def test_outcomes_and_what_was_measured_are_the_tests_own(tmp_path):
    (tmp_path / "junit.xml").write_text(JUNIT)
    assert outcomes(tmp_path / "junit.xml") == {
        "test_reliability_memory::test_ten_times_the_contest_in_bounded_memory": ("passed", "3 rows, 12.3 s"),
        "test_sbo::test_same_bits_with_any_executor": ("failed", "2 cases, 3.0 s"),
        "test_dm::test_processes_give_the_same_bits": ("skipped", "0.0 s"),
    }
    text = page(tmp_path / "junit.xml")
    assert re.search(r"ten times the contest .* \| Reader, panel and EM .* \| passed \| 3 rows, 12.3 s \|", text)
    assert "| failed | 2 cases, 3.0 s |" in text and f": 1 drills of {text.count('[test]')} passed" in text


def test_every_drill_is_listed_and_says_what_it_shows():
    modules = {path.stem for path in TESTS.glob("test_reliability_*.py")} - {"test_reliability_report"}
    assert modules == set(SECTIONS)
    for module in modules:
        assert all(drills(module).values()), f"a test of {module} has no docstring"
    for module, tests in (pair for section in ELSEWHERE.values() for pair in section.items()):
        assert set(tests) <= set(drills(module)), module


@pytest.mark.parametrize("section", list(listed()))
def test_the_committed_report_holds_every_drill_and_none_that_failed(section):
    text = (project_root() / "reports" / "RELIABILITY.md").read_text(encoding="utf-8")
    part = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
    for module, tests in listed()[section].items():
        for test in tests:
            row = f"| {test.removeprefix('test_').replace('_', ' ')} ([test](../tests/{module}.py)) |"
            assert part.count(row) == 1, f"{test}: run make reliability"
    assert "| failed |" not in part and "| not run |" not in part
