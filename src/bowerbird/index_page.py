"""index.html of a run: headline table, notebooks, figures, tables and the run's record on one page."""

from pathlib import Path

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from bowerbird.runs import atomic_path, read_json

RESULT_FILES = ("forecasts.csv", "forecasts.parquet", "replenishment.csv", "run.json")

TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>bowerbird · {{ run.profile }} · {{ run.data }}</title>
<style>
 body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
 h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #ddd; }
 .scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
 th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #e5e5e5; vertical-align: top; }
 th { background: #f6f6f6; } a { color: #0173b2; } ul { padding-left: 1.2rem; }
 .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; }
 .figures img { width: 100%; border: 1px solid #e5e5e5; } figcaption { font-size: .8rem; color: #555; }
 figure { margin: 0; }
</style></head><body>
<h1>Meng, Zhao &amp; Bi (2024), reproduced</h1>
<p>Profile <b>{{ run.profile }}</b>, data <b>{{ run.data }}</b>, seed {{ run.seed }}, {{ run.device }},
 {{ run.seconds_total }} s in all, commit {{ run.commit[:10] }}{{ run.commit[40:] }}.</p>
{% if headline %}<h2>The paper's numbers beside ours</h2>
<div class="scroll">{{ headline }}</div>
{% if "not comparable" in headline %}<p>These are not the paper's attachments: they show that every stage works and what
 it finds, but no number of the paper can be confirmed or refuted by them.</p>{% endif %}{% endif %}
<h2>Notebooks</h2><ul>
{% for name, seconds in notebooks %}<li><a href="notebooks/{{ name }}.html">{{ name }}</a>
 (<a href="notebooks/{{ name }}.ipynb">ipynb</a>), {{ seconds }} s</li>
{% endfor %}</ul>
<h2>Results</h2><ul>
{% for path in results %}<li><a href="{{ path }}">{{ path }}</a></li>
{% endfor %}</ul>
<h2>Figures</h2><div class="figures">
{% for name in figures %}<figure><a href="figures/{{ name }}.png">
 <img src="figures/{{ name }}.png" alt="{{ name }}"></a><figcaption>{{ name }}</figcaption></figure>
{% endfor %}</div>
<h2>Tables</h2><ul>
{% for name in tables %}<li>{{ name }}: <a href="tables/{{ name }}.csv">csv</a>,
 <a href="tables/{{ name }}.md">md</a></li>
{% endfor %}</ul>
</body></html>
"""


def write(folder: Path) -> Path:
    """Write index.html for whatever the run's folder holds.

    Parameters
    ----------
    folder : Path
        A run's folder with its run.json.

    Returns
    -------
    Path of the page.
    """
    run = read_json(folder / "run.json")
    headline = folder / "tables" / "headline.csv"
    table = pd.read_csv(headline, dtype=str).fillna("") if headline.is_file() else pd.DataFrame()
    page = (
        Environment(autoescape=True)
        .from_string(TEMPLATE)
        .render(
            run=run,
            headline="" if table.empty else Markup(table.to_html(index=False, border=0)),
            notebooks=list(run["seconds"].items()),
            results=[name for name in RESULT_FILES if (folder / name).is_file()],
            figures=sorted(path.stem for path in (folder / "figures").glob("*.png")),
            tables=sorted(path.stem for path in (folder / "tables").glob("*.csv")),
        )
    )
    with atomic_path(folder / "index.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return folder / "index.html"
