"""An executed notebook as two pages that need no network, one with its code and one without.

NN_name.html and NN_name.nocode.html lie beside NN_name.ipynb: figures inside, formulas as MathML, a link at the top
from one to the other. A browser that opens them may load nothing at all; the page's own head forbids it.
"""

import re
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_output

from bowerbird.files import atomic_path

FORMULA = re.compile(
    r"(`+).+?\1"  # code, in which a dollar is a dollar
    r"|(?<!\\)\$\$(.+?)\$\$"  # a displayed formula
    r"|(?<![\\$])\$(?=[^\s$])([^$]*?[^\s$\\])\$(?!\d)",  # one in the line; "$5 and $6" is none
    re.DOTALL,
)

SCRIPTS = ("mathjax_url", "require_js_url", "jquery_url", "mermaid_js_url", "mermaid_layout_elk_js_url")
"""What nbconvert would load from the network."""

WIDGET = "application/vnd.jupyter.widget-view+json"

HEAD = """<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'">
<style>
 body.jp-Notebook { max-width: 72rem; margin: 0 auto; overflow-x: hidden; }
 .jp-RenderedHTMLCommon, .jp-OutputArea-output { overflow-x: auto; overflow-wrap: anywhere; min-width: 0; }
 .jp-InputArea .highlight { overflow-x: auto; } .jp-RenderedHTMLCommon :is(table, math) { overflow-wrap: normal; }
 .jp-OutputArea-output img, .jp-RenderedHTMLCommon img { max-width: 100%; height: auto; }
 math[display=block] { display: block math; overflow-x: auto; overflow-y: hidden; padding: .2em 0; }
</style>"""


def write(notebook: Path) -> Path:
    """Write NN_name.html and NN_name.nocode.html beside NN_name.ipynb.

    nbconvert would leave the formulas to a script from the network. They are taken out of the text before it converts
    the notebook, as it drops MathML, and put back into the page. Sliders, which need a kernel, give way to a sentence.

    Parameters
    ----------
    notebook : Path
        An executed notebook.

    Returns
    -------
    Path of the page with code.
    """
    content, formulas = nbformat.read(notebook, as_version=4), []

    def take_out(match: re.Match) -> str:
        _, displayed, inline = match.groups()
        if not (displayed or inline):
            return match[0]
        formulas.append(convert(displayed or inline, display="block" if displayed else "inline"))
        return f"FORMULA{len(formulas) - 1:04d}"

    content.metadata.pop("widgets", None)
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = FORMULA.sub(take_out, cell.source)
        elif cell.cell_type == "code":
            cell.outputs = [_still(output) for output in cell.outputs]
    with_code, without = notebook.with_suffix(".html"), notebook.with_suffix(".nocode.html")
    for page, link in (with_code, f"[without code]({without.name})"), (without, f"[with code]({with_code.name})"):
        top = new_markdown_cell(f"[all of this run](../index.html) · this notebook {link}")
        shown = nbformat.from_dict({**content, "cells": [top, *content.cells]})
        exporter = HTMLExporter(
            embed_images=True, exclude_input=page == without, exclude_input_prompt=page == without,
            exclude_output_prompt=page == without, **dict.fromkeys(SCRIPTS, ""),
        )  # fmt: skip
        body, _ = exporter.from_notebook_node(shown, {"metadata": {"name": notebook.stem}})
        body = re.sub(r"<script.*?</script>", "", body, flags=re.DOTALL)  # nothing on the page moves
        body = re.sub(r"FORMULA(\d{4})", lambda match: formulas[int(match[1])], body)
        with atomic_path(page) as temporary:
            temporary.write_text(body.replace("<head>", f"<head>{HEAD}", 1), encoding="utf-8")
    return with_code


def _still(output):
    """The output itself, or a sentence for a slider."""
    if WIDGET not in output.get("data", {}):
        return output
    return new_output("stream", text="A slider: open the notebook in JupyterLab and run it to move it.\n")
