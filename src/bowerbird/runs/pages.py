"""The pages of a run, which work offline and may load nothing but their own figures; their heads forbid the rest.

index.html shows the paper's numbers beside ours, the verdict, notebooks, figures, tables, results and the record.
VERDICT.md and its like become pages beside it. An executed notebook becomes two pages, with its code and without.
All text is escaped: names come from files that anyone may have written.
"""

import re
from pathlib import Path

import mistune
import nbformat
import pandas as pd
from jinja2 import Environment
from latex2mathml.converter import convert
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_output

from bowerbird.files import atomic_path, read_json
from bowerbird.runs.stage import Stage

HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'">
<title>bowerbird · {{ title }}</title>
<style>
 body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 68rem; margin: 2rem auto; padding: 0 1rem;
  overflow-wrap: anywhere; }
 h1 { font-size: 1.6rem; line-height: 1.25; } h3 { font-size: 1rem; margin: 1.6rem 0 .5rem; }
 h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid #ddd; } a { color: #0173b2; }
 .scroll { overflow-x: auto; overflow-wrap: normal; } table { border-collapse: collapse; font-size: .85rem; }
 th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #e5e5e5; vertical-align: top; }
 td { max-width: 26rem; } td:last-child { overflow-wrap: anywhere; min-width: 10rem; }
 th { background: #f6f6f6; } ul { padding-left: 1.2rem; } .note, figcaption { color: #555; }
 nav ul, .counts { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; margin: .5rem 0; list-style: none; }
 .counts { gap: .5rem 2rem; } .counts dt, .counts dd { margin: 0; } .counts dt { font-size: .8rem; color: #555; }
 .counts dd { font-size: 1.4rem; } .note, figcaption { font-size: .85rem; }
 .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)); gap: 1.2rem; }
 .figures img { width: 100%; height: 13rem; object-fit: contain; border: 1px solid #e5e5e5; background: white; }
 figure { margin: 0; } code { font-size: .85em; }
</style></head><body>
"""

INDEX = (
    HEAD
    + """<h1>Meng, Zhao &amp; Bi (2024), reproduced</h1>
<p>Profile <b>{{ run.profile }}</b>, data <b>{{ run.data }}</b>, seed {{ run.seed }}, {{ run.device }},
 {{ run.seconds_total }} s in all, commit {{ run.commit[:10] }}{{ run.commit[40:] }}.</p>
{% if run.mixed %}<p><b>Mixed:</b> this is not one run. Other parameters, data or code than above made
 {% for name, made in run.mixed.items() %}{{ name }} ({{ made.profile }}, {{ made.data }}, seed {{ made.seed }})
{{- "; " if not loop.last }}{% endfor %}. Give <code>reproduce</code> without <code>--until</code>.</p>{% endif %}
<nav><ul>{% if headline %}<li><a href="#headline">Paper beside ours</a></li>{% endif %}
{% if counts %}<li><a href="#verdict">Verdict</a></li>{% endif %}
<li><a href="#notebooks">Notebooks</a></li><li><a href="#figures">Figures</a></li>
<li><a href="#results">Results</a></li><li><a href="#tables">Tables</a></li>
<li><a href="#record">Record of the run</a></li></ul></nav>
{% if headline %}<h2 id="headline">The paper's numbers beside ours</h2>
<div class="scroll">{{ headline }}</div>
{% if "not comparable" in headline %}<p>These are not the paper's attachments: they show that every stage works and what
 it finds, but no number of the paper can be judged by them.</p>{% endif %}
<p class="note">Three readings: <i>as printed</i>, the formulas to the letter; <i>as run</i>, the named computation that
 comes nearest; <i>corrected</i>, what a careful researcher would do.</p>{% endif %}
{% if counts %}<h2 id="verdict">The verdict on every printed number</h2>
<dl class="counts">{% for name, number in counts.items() %}<div><dt>{{ name }}</dt><dd>{{ number }}</dd></div>
{% endfor %}</dl>{% endif %}
{% if pages %}<ul>{% for name, about in pages.items() %}<li><a href="{{ name }}.html">{{ name|capitalize }}</a>:
 {{ about }} (<a href="{{ name }}.md">md</a>)</li>
{% endfor %}</ul>{% endif %}
<h2 id="notebooks">Notebooks</h2>
<ul>{% for one in notebooks if one.links or one.seconds is not none %}
<li><b>{{ one.title }}</b>{% if one.about %}: {{ one.about }}{% endif %}<br>
{% for path, words in one.links.items() %}<a href="{{ path }}">{{ words }}</a> · {% endfor %}
{% if one.seconds is not none %}{{ one.seconds }} s{% endif %}</li>
{% endfor %}</ul>
<h2 id="figures">Figures</h2>
{% for one in notebooks if one.figures %}<h3>{{ one.title }}</h3><div class="figures">
{% for name, caption in one.figures.items() %}<figure><a href="figures/{{ name }}.png"><img src="figures/{{ name }}.png"
 alt="{{ caption or name }}"></a>
<figcaption><b>{{ name }}</b> {{ caption }}</figcaption></figure>
{% endfor %}</div>{% else %}<p>None yet.</p>{% endfor %}
<h2 id="results">Results</h2><ul>
{% for path, about in results.items() %}<li><a href="{{ path }}">{{ path }}</a>: {{ about }}</li>
{% endfor %}</ul>
<h2 id="tables">Tables</h2>
<div class="scroll"><table>{% for one in notebooks if one.tables %}<tr><th>{{ one.title }}</th><td>
{% for name in one.tables %}<a href="tables/{{ name }}.csv">{{ name }}</a>{{ "" if loop.last else ", " }}
{% endfor %}</td></tr>
{% endfor %}</table></div>
<h2 id="record">Record of the run</h2>
<div class="scroll"><table>{% for name, value in record.items() if value %}<tr><th>{{ name }}</th>
<td>{{ value }}</td></tr>
{% endfor %}</table></div>
</body></html>
"""
)

TEXT = HEAD + """<p><a href="index.html">all of this run</a></p>\n{{ body }}\n</body></html>\n"""


def write_index(folder: Path) -> Path:
    """Write index.html, and a page for each page in Markdown, for whatever a run's folder with run.json holds."""
    run = read_json(folder / "run.json")
    names = {path.name.removesuffix(".files.json") for path in (folder / "records").glob("*.files.json")}
    stages = [Stage(name, folder) for name in sorted({*run["seconds"], *names})]
    changed = {place for stage in stages for place in stage.changed()}  # such files are shown nowhere
    shown = {}  # path in the run's folder -> caption
    for stage in stages:
        written = {place: entry["caption"] for place, entry in stage.files.items() if place not in changed}
        shown |= {place: caption for place, caption in written.items() if (folder / place).is_file()}
    at_the_top = {place: caption for place, caption in shown.items() if "/" not in place}
    pages = {place.removesuffix(".md"): about for place, about in at_the_top.items() if place.endswith(".md")}
    for name in pages:
        text = (folder / f"{name}.md").read_text(encoding="utf-8")
        _save(folder / f"{name}.html", TEXT, title=name.capitalize(), body=to_html(text))
    results = {place: about for place, about in at_the_top.items() if place.endswith(".csv")}
    results["run.json"] = "the whole record: parameters, versions, checksums"
    for day in sorted((folder / "operation" / "store" / "days").glob("*/index.html"))[-1:]:
        results[day.relative_to(folder).as_posix()] = "the page of a day of daily operation"
    headline, judged = (
        pd.read_csv(folder / place, dtype=str).fillna("") if place in shown else pd.DataFrame()
        for place in ("tables/headline.csv", "tables/verdict.csv")
    )
    return _save(
        folder / "index.html",
        INDEX,
        title=f"{run['profile']} · {run['data']}",
        run=run,
        headline="" if headline.empty else Markup(headline.to_html(index=False, border=0)),
        counts={} if judged.empty else judged["verdict"].value_counts().to_dict(),
        pages=pages,
        notebooks=[_notebook(stage, run["seconds"].get(stage.name), shown, changed) for stage in stages],
        results=results,
        record=_record(run),
    )


def to_html(text: str) -> Markup:
    """Markdown as HTML: tags in it are shown, not obeyed; a picture becomes its words; wide tables scroll."""
    renderer = mistune.HTMLRenderer(escape=True)
    renderer.image = lambda text, url, title=None: text
    html = mistune.create_markdown(renderer=renderer, plugins=["table"])(text)
    html = html.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    return Markup(html)


def _save(path: Path, template: str, **content) -> Path:
    page = Environment(autoescape=True).from_string(template).render(**content)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _notebook(stage: Stage, seconds: float | None, shown: dict[str, str], changed: set[str]) -> dict:
    """One notebook of the run: its title, links, seconds, and the figures and tables it has left."""
    kinds = {".html": "with code", ".nocode.html": "without code", ".ipynb": "notebook"}
    places = {f"notebooks/{stage.name}{suffix}": words for suffix, words in kinds.items()}
    links = {p: words for p, words in places.items() if p not in changed and (stage.folder / p).is_file()}
    title, about = stage.name, ""
    if (page := f"notebooks/{stage.name}.ipynb") in links:
        first = "".join(read_json(stage.folder / page)["cells"][0]["source"])
        if found := re.match(r"# (.+)\n+((?:.+\n?)*)", first):
            title, about = found[1], " ".join(found[2].split())
    written = [Path(place) for place in stage.files if place in shown]
    return {
        "title": title,
        "about": about,
        "links": links,
        "seconds": seconds,
        "figures": {path.stem: shown[path.as_posix()] for path in written if path.parent.name == "figures"},
        "tables": sorted(path.stem for path in written if path.parent.name == "tables" and path.suffix == ".csv"),
    }


def _record(run: dict) -> dict[str, str]:
    """What a reader asks of a run: which command, code, machine and data made it, and how long it took."""
    seconds = ", ".join(f"{name} {value}" for name, value in run["seconds"].items())
    files = run.get("data_files", {}).values()
    return {
        "command": run.get("command", ""),
        "finished with commit": run["commit"],
        "device": ", ".join(x for x in (run["device"], run.get("platform", "")) if x),
        "versions": ", ".join(f"{name} {version}" for name, version in run.get("versions", {}).items()),
        "seconds": f"{run['seconds_total']} in all" + (f": {seconds}" if seconds else ""),
        "data (SHA-256)": ", ".join(f"{file['file']} {file['sha256'][:12]}…" for file in files),
    }


# ---- a notebook as a page ---------------------------------------------------------------------------------------

FORMULA = re.compile(
    r"(`+).+?\1"  # code, in which a dollar is a dollar
    r"|(?<!\\)\$\$(.+?)\$\$"  # a displayed formula
    r"|(?<![\\$])\$(?=[^\s$])([^$]*?[^\s$\\])\$(?!\d)",  # one in the line; "$5 and $6" is none
    re.DOTALL,
)

# What nbconvert would load from the network
SCRIPTS = ("mathjax_url", "require_js_url", "jquery_url", "mermaid_js_url", "mermaid_layout_elk_js_url")
WIDGET = "application/vnd.jupyter.widget-view+json"

NOTEBOOK_HEAD = """<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'">
<style>
 body.jp-Notebook { max-width: 72rem; margin: 0 auto; overflow-x: hidden; }
 .jp-RenderedHTMLCommon, .jp-OutputArea-output { overflow-x: auto; overflow-wrap: anywhere; min-width: 0; }
 .jp-InputArea .highlight { overflow-x: auto; } .jp-RenderedHTMLCommon :is(table, math) { overflow-wrap: normal; }
 .jp-OutputArea-output img, .jp-RenderedHTMLCommon img { max-width: 100%; height: auto; }
 math[display=block] { display: block math; overflow-x: auto; overflow-y: hidden; padding: .2em 0; }
</style>"""


def write_notebook(notebook: Path) -> tuple[Path, Path]:
    """Write an executed notebook as NN_name.html and NN_name.nocode.html beside it, with links to each other.

    nbconvert would leave the formulas to a script from the network. They are taken out of the text before it converts
    the notebook, as it drops MathML, and put back into the page. Sliders, which need a kernel, give way to a sentence.
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
            temporary.write_text(body.replace("<head>", f"<head>{NOTEBOOK_HEAD}", 1), encoding="utf-8")
    return with_code, without


def _still(output):
    """The output itself, or a sentence for a slider."""
    if WIDGET not in output.get("data", {}):
        return output
    return new_output("stream", text="A slider: open the notebook in JupyterLab and run it to move it.\n")
