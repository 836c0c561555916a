"""An executed notebook as one HTML page that needs no network: figures inside, formulas as MathML."""

import re
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from nbconvert import HTMLExporter

from bowerbird.runs import atomic_path

FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)  # a displayed formula, or one in the line

SCRIPTS = ("mathjax_url", "require_js_url", "jquery_url", "mermaid_js_url", "mermaid_layout_elk_js_url")
"""What nbconvert would load from the network."""


def write(notebook: Path) -> Path:
    """Write NN_name.html beside NN_name.ipynb.

    nbconvert would leave the formulas to a script from the network. They are taken out of the text before it converts
    the notebook, as it drops MathML, and put back into the page.

    Parameters
    ----------
    notebook : Path
        An executed notebook.

    Returns
    -------
    Path of the page.
    """
    content, formulas = nbformat.read(notebook, as_version=4), []

    def take_out(match: re.Match) -> str:
        displayed, inline = match.groups()
        formulas.append(convert(displayed or inline, display="block" if displayed else "inline"))
        return f"FORMULA{len(formulas) - 1:04d}"

    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = FORMULA.sub(take_out, cell.source)
    exporter = HTMLExporter(embed_images=True, **dict.fromkeys(SCRIPTS, ""))
    body, _ = exporter.from_notebook_node(content, {"metadata": {"name": notebook.stem}})
    body = re.sub(r"FORMULA(\d{4})", lambda match: formulas[int(match[1])], body)
    with atomic_path(notebook.with_suffix(".html")) as temporary:
        temporary.write_text(body, encoding="utf-8")
    return notebook.with_suffix(".html")
