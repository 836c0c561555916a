"""Pages of notebooks hold their formulas, ask nothing of the network, and come with and without code."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bowerbird.runs import notebook_html


def pages(folder, cells, **metadata):
    """The page with code and the one without of a notebook with these cells."""
    nbformat.write(new_notebook(cells=cells, metadata=metadata), folder / "02_title.ipynb")
    page = notebook_html.write(folder / "02_title.ipynb")
    assert page == folder / "02_title.html"
    return page.read_text(encoding="utf-8"), (folder / "02_title.nocode.html").read_text(encoding="utf-8")


def test_formulas_become_mathml_and_code_stays(tmp_path):
    cells = [
        new_markdown_cell(
            "# 02 · Title\n\nThe mean $\\beta_k$ and\n\n$$\\sum_i\nw_{ik} \\qquad (10)$$\n\n*as printed*"
        ),
        new_code_cell("price = '$5 and $6'"),
    ]
    page, _ = pages(tmp_path, cells)
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
    page, _ = pages(tmp_path, [new_markdown_cell(text)])
    assert page.count("<math") == formulas and kept in page


def test_one_page_has_the_code_and_the_other_has_not(tmp_path):
    output = new_output("stream", text="what comes out")
    cells = [new_markdown_cell("# 02 · Title"), new_code_cell("the_code = 1", outputs=[output], execution_count=3)]
    with_code, without = pages(tmp_path, cells)
    assert "the_code" in with_code and "the_code" not in without and "[3]" not in without
    assert "what comes out" in with_code and "what comes out" in without
    assert 'href="02_title.nocode.html"' in with_code and 'href="02_title.html"' in without
    assert 'href="../index.html"' in with_code and 'href="../index.html"' in without


def test_a_slider_gives_way_to_a_sentence(tmp_path):
    slider = new_output("display_data", {notebook_html.WIDGET: {"model_id": "abc"}, "text/plain": "interactive(…)"})
    still = new_output("display_data", {"text/plain": "a figure"})
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": {"abc": {}}, "version_major": 2}}
    for page in pages(tmp_path, [new_code_cell("1", outputs=[still, slider])], widgets=widgets):
        assert "open the notebook in JupyterLab" in page and "interactive(…)" not in page and "a figure" in page
        assert "unpkg" not in page and "widget-state" not in page


def test_scripts_in_an_output_are_left_out(tmp_path):
    hostile = new_output("display_data", {"text/html": "<b>bold</b><script>alert(1)</script>", "text/plain": ""})
    for page in pages(tmp_path, [new_code_cell("1", outputs=[hostile])]):
        assert "<b>bold</b>" in page and "alert(1)" not in page
        assert "default-src 'none'" in page[: page.index("<style")], "before anything could be loaded"
