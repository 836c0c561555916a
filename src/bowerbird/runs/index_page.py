"""index.html of a run: the paper's numbers beside ours, the verdict, notebooks, figures, tables, results, the record.

One page that works offline: it may load nothing but the run's own figures, and its head forbids the rest. VERDICT.md
and its like become pages beside it. All text is escaped, for names come from files that anyone may have written.
"""

import re
from collections.abc import Callable
from pathlib import Path

import mistune
import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from bowerbird.files import atomic_path, read_json
from bowerbird.runs import Stage
from bowerbird.runs.captions import CAPTIONS

RESULT_FILES = {
    "forecasts.csv": "units a day for every series, with quantiles",
    "forecasts.parquet": "the same, faster to read",
    "forecasts_new_items.csv": "the new items (the contest's question 2)",
    "forecasts_618.csv": "the promotion of June (question 3)",
    "replenishment.csv": "s, S and orders of every item and day",
    "run.json": "the whole record: parameters, versions, checksums",
}
TEXT_PAGES = {
    "VERDICT": "what became of every printed number",
    "DEVIATIONS": "where we depart from the paper, and what it does",
    "ERRATA": "misprints and slips, each with what shows it",
    "DOCUMENTS": "what each document asks for, and where it lives",
}

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
{% for name in one.figures %}<figure><a href="figures/{{ name }}.png"><img src="figures/{{ name }}.png"
 alt="{{ captions.get(name, name) }}"></a>
<figcaption><b>{{ name }}</b> {{ captions.get(name, "") }}</figcaption></figure>
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


def write(folder: Path) -> Path:
    """Write index.html, and a page for each of TEXT_PAGES, for whatever the run's folder holds.

    Parameters
    ----------
    folder : Path
        A run's folder with its run.json.

    Returns
    -------
    Path of the page.
    """
    run = read_json(folder / "run.json")
    names = {path.name.removesuffix(".files.json") for path in (folder / "records").glob("*.files.json")}
    stages = [Stage(name, folder) for name in sorted({*run["seconds"], *names})]
    changed = {folder / place for stage in stages for place in stage.changed()}  # such files are shown nowhere

    def shown(path: Path) -> bool:
        return path.is_file() and path not in changed

    pages = {name: about for name, about in TEXT_PAGES.items() if shown(folder / f"{name}.md")}
    for name in pages:
        text = (folder / f"{name}.md").read_text(encoding="utf-8")
        _save(folder / f"{name}.html", TEXT, title=name.capitalize(), body=to_html(text))
    headline, judged = _table(folder, "headline", shown), _table(folder, "verdict", shown)
    return _save(
        folder / "index.html",
        INDEX,
        title=f"{run['profile']} · {run['data']}",
        run=run,
        headline="" if headline.empty else Markup(headline.to_html(index=False, border=0)),
        counts={} if judged.empty else judged["verdict"].value_counts().to_dict(),
        pages=pages,
        notebooks=_notebooks(folder, stages, run["seconds"], shown),
        captions=CAPTIONS,
        results={name: about for name, about in RESULT_FILES.items() if shown(folder / name)} | _last_day(folder),
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


def _table(folder: Path, name: str, shown: Callable[[Path], bool]) -> pd.DataFrame:
    path = folder / "tables" / f"{name}.csv"
    return pd.read_csv(path, dtype=str).fillna("") if shown(path) else pd.DataFrame()


def _notebooks(
    folder: Path, stages: list[Stage], seconds: dict[str, float], shown: Callable[[Path], bool]
) -> list[dict]:
    """Every notebook of the run in order: its title, links, seconds, and the figures and tables it has left."""
    figures = {path.stem for path in (folder / "figures").glob("*.png") if shown(path)}
    tables = {path.stem for path in (folder / "tables").glob("*.csv") if shown(path)}
    entries = []
    for stage in stages:
        name = stage.name
        pages = {f"{name}.html": "with code", f"{name}.nocode.html": "without code", f"{name}.ipynb": "notebook"}
        written = [Path(place) for place in stage.files]
        title, about = _title(folder / "notebooks" / f"{name}.ipynb", shown)
        entry = {
            "title": title,
            "about": about,
            "links": {f"notebooks/{page}": words for page, words in pages.items()},
            "seconds": seconds.get(name),
            "figures": _in_order({file.stem for file in written if file.parent.name == "figures"} & figures),
            "tables": [file.stem for file in written if file.suffix == ".csv" and file.stem in tables],
        }
        entry["links"] = {path: words for path, words in entry["links"].items() if shown(folder / path)}
        figures.difference_update(entry["figures"])
        tables.difference_update(entry["tables"])
        entries.append(entry)
    if figures or tables:
        rest = {"title": "Others", "about": "no notebook of this run says that it wrote these", "links": {}}
        entries.append(rest | {"seconds": None, "figures": _in_order(figures), "tables": sorted(tables)})
    return entries


def _in_order(figures: set[str]) -> list[str]:
    """Figures as a reader of the notebooks meets them; those without a caption last."""
    return [name for name in CAPTIONS if name in figures] + sorted(figures - CAPTIONS.keys())


def _title(notebook: Path, shown: Callable[[Path], bool]) -> tuple[str, str]:
    """The heading of a notebook and the paragraph below it; its file's name where there is no such cell."""
    if shown(notebook):
        first = "".join(read_json(notebook)["cells"][0]["source"])
        if found := re.match(r"# (.+)\n+((?:.+\n?)*)", first):
            return found[1], " ".join(found[2].split())
    return notebook.stem, ""


def _last_day(folder: Path) -> dict[str, str]:
    """The page of the last day of daily operation, where the run came to it."""
    days = sorted((folder / "operation" / "store" / "days").glob("*/index.html"))
    return {day.relative_to(folder).as_posix(): "the page of a day of daily operation" for day in days[-1:]}


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
