"""The pages of a run: links lead somewhere, nothing is fetched, what users typed is escaped."""

import json
import re
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import matplotlib.image
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bowerbird.runs import Stage, pages

BEGUN = {"profile": "demo", "data": "<b>synthetic</b>", "seed": 0, "device": "cpu", "seconds_total": 1.0,
         "commit": "unknown", "seconds": {"00_start_here": 1.0}}  # fmt: skip
HOSTILE = "<script>alert(1)</script><img src=http://example.org/x.png>"
VERDICT_PAGE = f"""# The verdict

| verdict | numbers | reason |
|:--|--:|:--|
| reproduced | 112 | {HOSTILE} |
| explained | 12 | ![a picture](https://example.org/y.png) [a link](javascript:alert(2)) |
| not found | 2 | tests/test_paper_errata.py::test_{"eq_9_as_printed_" * 20} |
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two notebooks with a wide table, a wide figure, a long formula, and names that mean harm."""
    folder = tmp_path_factory.mktemp("run")
    stage = Stage.begin("02_clustering", str(folder))
    stage.table("headline", pd.DataFrame({"quantity": ["records <clustered>"], "paper": ["340798"]}))
    stage.table("verdict", pd.DataFrame({"verdict": ["reproduced"] * 3 + ["not found"], "reason": HOSTILE}))
    stage.page("VERDICT.md", VERDICT_PAGE, "what became of every printed number")
    (stage.home / "figures").mkdir()
    picture = stage.home / "figures" / "dm_one_curve.png"
    matplotlib.image.imsave(picture, np.zeros((60, 2400)))
    stage.wrote(picture, "A polynomial follows the season.")
    stage.complete()
    picture = folder / "figures" / "sbo_bowers.png"
    picture.write_bytes((folder / "figures" / "dm_one_curve.png").read_bytes())
    wide = pd.DataFrame({f"column {k}": ["a long word " + HOSTILE] for k in range(30)})
    image = new_output("display_data", {"image/png": b64encode(picture.read_bytes()).decode()})
    table = new_output("display_data", {"text/html": wide.to_html(), "text/plain": "wide"})
    text = new_output("stream", text="x" * 3000)
    slider = new_output("display_data", {pages.WIDGET: {"model_id": "1"}, "text/plain": "interactive(…)"})
    cells = [
        new_markdown_cell("# 02 · DM & clusters\n\nThe paper's mixture of curves, and what\nmade its tables.\n\nReads"),
        new_markdown_cell("## Formulas\n\n$$" + " + ".join(r"\sum_i w_{ik} \beta_k" for _ in range(40)) + "$$"),
        new_code_cell("print('" + "y" * 400 + "')", outputs=[image, table, text, slider], execution_count=1),
    ]
    (folder / "notebooks").mkdir()
    for name in ("00_start_here", "02_clustering"):
        nbformat.write(new_notebook(cells=cells), folder / "notebooks" / f"{name}.ipynb")
        pages.write_notebook(folder / "notebooks" / f"{name}.ipynb")
    record = BEGUN | {
        "seconds": {"00_start_here": 1.0, "02_clustering": 2.5}, "platform": "Linux", "command": HOSTILE,
        "versions": {"numpy": "2.4.6"}, "data_files": {"附件1": {"file": "a.csv", "sha256": "0123456789abcdef"}},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    day = folder / "operation" / "store" / "days" / "2023-05-16"
    day.mkdir(parents=True)
    (day / "index.html").write_text("<p>orders</p>")
    pages.write_index(folder)
    return folder


def all_pages(folder):
    found = sorted(folder.glob("*.html")) + sorted((folder / "notebooks").glob("*.html"))
    assert [page.name for page in found] == [
        "VERDICT.html", "index.html", "00_start_here.html", "00_start_here.nocode.html", "02_clustering.html",
        "02_clustering.nocode.html",
    ]  # fmt: skip
    return found


class Links(HTMLParser):
    """Every address of a page by what it is for, and the places in it that can be linked to."""

    def __init__(self, page: Path):
        super().__init__()
        self.followed, self.loaded, self.places = [], [], set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "srcset", "data", "poster", "background") or (name == "href" and tag != "a"):
                self.loaded.append(value)
            elif name == "href":
                self.followed.append(value)
            elif name in ("id", "name"):
                self.places.add(value)


def test_a_run_that_has_only_begun(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(BEGUN))
    page = pages.write_index(tmp_path).read_text(encoding="utf-8")
    assert "00_start_here" in page and "The paper's numbers beside ours" not in page
    assert "<b>synthetic" not in page and "&lt;b&gt;synthetic" in page
    assert all(link.startswith("#") or (tmp_path / link).is_file() for link in Links(tmp_path / "index.html").followed)


def test_every_link_leads_somewhere_and_nothing_is_fetched(run):
    reached = set()
    for page in all_pages(run):
        links = Links(page)
        for address in links.loaded:
            inside = (page.parent / address).resolve()
            assert address.startswith("data:") or (inside.is_file() and run in inside.parents), (page.name, address)
        for address in links.followed:
            path, _, place = address.partition("#")
            path = unquote(path)
            assert ":" not in path or path.startswith("https://"), (page.name, address)
            if not path:
                harmless = place == "harmful-link"  # what mistune makes of javascript:
                assert harmless or {place, unquote(place)} & links.places, (page.name, address)
            elif not path.startswith("https://"):
                assert (page.parent / path).is_file(), (page.name, address)
                reached.add((page.parent / path).resolve())
        assert not re.search(r"@import|url\(['\"]?(?:https?:)?//", page.read_text(encoding="utf-8")), page.name
        assert "default-src 'none'" in page.read_text(encoding="utf-8"), page.name
    written = [*all_pages(run), run / "figures" / "dm_one_curve.png", *run.glob("tables/*.csv")]
    assert {path.resolve() for path in (*written, *run.glob("notebooks/*.ipynb"))} <= reached


def test_what_files_say_is_text(run):
    for page in (run / "index.html", run / "VERDICT.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text and "&lt;script" in text and "example.org" in text, page.name
        assert 'href="javascript' not in text and "records <clustered>" not in text
        assert not any("example.org" in address for address in Links(page).loaded)


def test_what_the_page_says(run):
    page = (run / "index.html").read_text(encoding="utf-8")
    assert "<td>340798</td>" in page and "records &lt;clustered&gt;" in page
    assert "<dt>reproduced</dt><dd>3</dd>" in page and "<dt>not found</dt><dd>1</dd>" in page
    assert "02 · DM &amp; clusters" in page and "what made its tables." in page and "2.5 s" in page
    assert "operation/store/days/2023-05-16/index.html" in page and "numpy 2.4.6" in page
    assert "<b>dm_one_curve</b> A polynomial follows the season." in page and "what became of every printed" in page
    assert "sbo_bowers" not in page, "a file that no stage wrote is not shown"


def test_markdown_pages_are_tables(run):
    page = (run / "VERDICT.html").read_text(encoding="utf-8")
    assert "<h1>The verdict</h1>" in page and page.count('<div class="scroll"><table>') == 1
    assert re.search(r"<td[^>]*>112</td>", page) and "a picture" in page


# A notebook as a page


def both_pages(folder, cells, **metadata):
    """The page with code and the one without of a notebook with these cells."""
    nbformat.write(new_notebook(cells=cells, metadata=metadata), folder / "02_title.ipynb")
    written = pages.write_notebook(folder / "02_title.ipynb")
    assert [page.name for page in written] == ["02_title.html", "02_title.nocode.html"]
    return [page.read_text(encoding="utf-8") for page in written]


def test_formulas_become_mathml_and_code_stays(tmp_path):
    cells = [
        new_markdown_cell(
            "# 02 · Title\n\nThe mean $\\beta_k$ and\n\n$$\\sum_i\nw_{ik} \\qquad (10)$$\n\n*as printed*"
        ),
        new_code_cell("price = '$5 and $6'"),
    ]
    page, _ = both_pages(tmp_path, cells)
    assert page.count("<math") == 2 and page.count('display="block"') == 1
    assert "<em>as printed</em>" in page and "FORMULA" not in page and "qquad" not in page
    assert "$5 and $6" in page
    assert "<title>02_title</title>" in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page) and "cdnjs" not in page and "<script" not in page


@pytest.mark.parametrize(
    ("text", "formulas", "kept"),
    [
        ("| what | formula |\n|---|---|\n| size | $|x|$ and $\\bar x$ |", 2, "<td>size</td>"),
        ("* one $a_i$\n* two\n\n1. $$\\hat\\beta$$", 2, "<li>two</li>"),
        ("<details><summary>Answers</summary>\n\n1. $K$ of them\n</details>", 1, "<summary>Answers</summary>"),
        ("it costs $5 and $6, or \\$7 and $x$", 1, "it costs $5 and $6"),
        ("in `$HOME` and\n\n```\necho $PATH $x$\n```\n\nbut $y$", 1, "<code>$HOME</code>"),
    ],
    ids=["table", "list", "answers", "prices", "code"],
)
def test_a_formula_where_one_is_meant(tmp_path, text, formulas, kept):
    page, _ = both_pages(tmp_path, [new_markdown_cell(text)])
    assert page.count("<math") == formulas and kept in page


def test_one_page_has_the_code_and_the_other_has_not(tmp_path):
    output = new_output("stream", text="what comes out")
    cells = [new_markdown_cell("# 02 · Title"), new_code_cell("the_code = 1", outputs=[output], execution_count=3)]
    with_code, without = both_pages(tmp_path, cells)
    assert "the_code" in with_code and "the_code" not in without and "[3]" not in without
    assert "what comes out" in with_code and "what comes out" in without
    assert 'href="02_title.nocode.html"' in with_code and 'href="02_title.html"' in without
    assert 'href="../index.html"' in with_code and 'href="../index.html"' in without


def test_a_slider_gives_way_to_a_sentence(tmp_path):
    slider = new_output("display_data", {pages.WIDGET: {"model_id": "abc"}, "text/plain": "interactive(…)"})
    still = new_output("display_data", {"text/plain": "a figure"})
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": {"abc": {}}, "version_major": 2}}
    for page in both_pages(tmp_path, [new_code_cell("1", outputs=[still, slider])], widgets=widgets):
        assert "open the notebook in JupyterLab" in page and "interactive(…)" not in page and "a figure" in page
        assert "unpkg" not in page and "widget-state" not in page


def test_scripts_in_an_output_are_left_out(tmp_path):
    hostile = new_output("display_data", {"text/html": "<b>bold</b><script>alert(1)</script>", "text/plain": ""})
    for page in both_pages(tmp_path, [new_code_cell("1", outputs=[hostile])]):
        assert "<b>bold</b>" in page and "alert(1)" not in page
        assert "default-src 'none'" in page[: page.index("<style")], "before anything could be loaded"
