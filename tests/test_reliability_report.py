"""reports/RELIABILITY.md says of every drill what it shows, its outcome and what it measured."""

import re

from reliability_report import page

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.test_reliability_memory" name="test_ten_times_the_contest" time="12.34"><properties>
 <property name="section" value="Ten times the data"/><property name="shown" value="Reader and EM."/>
 <property name="measured" value="3 rows"/></properties></testcase>
<testcase classname="tests.test_sbo" name="test_same_bits[a]" time="1"><properties>
 <property name="section" value="The same bits"/><property name="shown" value=""/></properties></testcase>
<testcase classname="tests.test_sbo" name="test_same_bits[b]" time="2"><failure/><properties>
 <property name="section" value="The same bits"/><property name="shown" value=""/></properties></testcase>
<testcase classname="tests.test_dm" name="test_processes" time="0"><skipped/><properties>
 <property name="section" value="The same bits"/><property name="shown" value="A | B"/></properties></testcase>
</testsuite></testsuites>"""


def test_outcomes_and_what_was_measured_are_the_tests_own(tmp_path):
    (tmp_path / "junit.xml").write_text(JUNIT)
    text = page(tmp_path / "junit.xml")
    assert "1 drills of 3 passed" in text and text.index("## Ten times the data") < text.index("## The same bits")
    assert re.search(r"ten times the contest .*memory.py\)\) \| Reader and EM. \| passed \| 3 rows, 12.3 s", text)
    assert "| – | failed | 2 cases, 3.0 s |" in text and "| A \\| B | skipped | 0.0 s |" in text
