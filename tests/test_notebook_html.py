"""Pages of notebooks hold their formulas and ask nothing of the network."""

import re

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bowerbird import notebook_html


def test_formulas_become_mathml_and_code_stays(tmp_path):
    cells = [
        new_markdown_cell(
            "# 02 · Title\n\nThe mean $\\beta_k$ and\n\n$$\\sum_i\nw_{ik} \\qquad (10)$$\n\n*as printed*"
        ),
        new_code_cell("price = '$5 and $6'"),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "02_title.ipynb")
    page = notebook_html.write(tmp_path / "02_title.ipynb").read_text(encoding="utf-8")
    assert page.count("<math") == 2 and page.count('display="block"') == 1
    assert "<em>as printed</em>" in page and "FORMULA" not in page and "qquad" not in page
    assert "$5 and $6" in page
    assert "<title>02_title</title>" in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page) and "cdnjs" not in page
