"""The pages of a run: a small site that works offline and loads nothing but its own figures.

index.html shows the paper's numbers beside ours, the verdict, the lessons, files and the record. Every executed
notebook becomes a page with links to the one before and the one after. VERDICT.md and its like, the glossary and the
references of all lessons become pages too. Text from data files is escaped: anyone may have written them.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import mistune
import nbformat
import pandas as pd
from jinja2 import Environment, PackageLoader
from latex2mathml.converter import convert
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from bowerbird.files import read_json, write_text
from bowerbird.runs.stage import SEE, Stage, notebook_paths

# Names a series of the attachments, or links to the page of a day, which does and is not in reports/
SHOWS_SERIES = re.compile(r"\b(?:seller|product|wh)_\d+\b|\]\(\.\./operation/")
LEFT_OUT = Markup('<p class="note">Left out here: it may show single series of the attachments.</p>')
# What the text of a lesson says of them: from these words to the end of the paragraph
ON_ATTACHMENTS = re.compile(r"(On|In the full run on) the attachments\b.*?(?=\n\s*\n|\n\* |\Z)", re.DOTALL)
PARTS = {"glossary": "Glossary", "references": "References"}

_templates = Environment(loader=PackageLoader("bowerbird.runs", "templates"), autoescape=True)
_templates.globals["code_style"] = HtmlFormatter(style="default").get_style_defs(".code")


def write_site(folder: Path, run: Path | None = None) -> Path:
    """Write index.html and all pages of a run to its folder.

    A `folder` beside the `run`'s own, with a run.json and the files that may be shown, is for readers who may not see
    the attachments' series: outputs that name or draw single series are then left out of the lessons.
    """
    source, public = run or folder, run is not None
    record = read_json(folder / "run.json")
    own = record["data"].startswith("own data")
    names = {path.name.removesuffix(".files.json") for path in (source / "records").glob("*.files.json")}
    stages = [Stage(name, source) for name in sorted({*record["seconds"], *names})]
    changed = {place for stage in stages for place in stage.changed()}  # such files are shown nowhere
    shown = {}  # path in the run's folder -> caption
    for stage in stages:
        written = {place: entry["caption"] for place, entry in stage.files.items() if place not in changed}
        shown |= {place: caption for place, caption in written.items() if (folder / place).is_file()}
    executed = [stage.name for stage in stages if f"notebooks/{stage.name}.ipynb" not in changed]
    lessons = _write_lessons(
        [name for name in executed if (source / _place(name)).is_file()], source, folder, public, own
    )
    texts = {place.removesuffix(".md"): about for place, about in shown.items() if place.endswith(".md")}
    texts = {name: about for name, about in texts.items() if "/" not in name}
    for name in texts:
        body = to_html((folder / f"{name}.md").read_text(encoding="utf-8"))
        _save(folder / f"{name}.html", "text.html", title=name.capitalize(), body=body, up="")
    results = {place: about for place, about in shown.items() if place.endswith(".csv") and "/" not in place}
    results["run.json"] = "the whole record: parameters, versions, checksums"
    for day in sorted((folder / "operation" / "store" / "days").glob("*/index.html"))[-1:]:
        results[day.relative_to(folder).as_posix()] = "the page of a day of daily operation"
    headline, judged = (
        pd.read_csv(folder / place, dtype=str).fillna("") if place in shown else pd.DataFrame()
        for place in ("tables/headline.csv", "tables/verdict.csv")
    )
    return _save(
        folder / "index.html",
        "index.html",
        title=f"{record['profile']} · {record['data']}",
        up="",
        run=record,
        own=own,
        headline="" if headline.empty else _table(headline.to_html(index=False, border=0)),
        counts={} if judged.empty else judged["verdict"].value_counts().to_dict(),
        texts=texts,
        lessons=lessons,
        waiting=[stage.name for stage in stages if stage.name not in lessons],
        figures={Path(p).stem: about for p, about in shown.items() if p.startswith("figures/")},
        tables=sorted(Path(p).stem for p in shown if p.startswith("tables/") and p.endswith(".csv")),
        results=results,
        record=_record(record),
    )


def _place(name: str) -> str:
    return f"notebooks/{name}.ipynb"


def _write_lessons(names: list[str], source: Path, folder: Path, public: bool, own: bool) -> dict[str, dict]:
    """The pages of the executed notebooks, the glossary and the references: name -> title, about."""
    notebooks = {name: nbformat.read(source / _place(name), as_version=4) for name in names}
    lessons = {name: _title(name, notebook.cells) for name, notebook in notebooks.items()}
    references = []
    for name, before, after in zip(names, [None, *names], [*names[1:], None], strict=False):
        kept = {entry["caption"] for entry in Stage(name, source).files.values() if entry["keep"]}
        body, headings, cited = lesson(notebooks[name].cells, kept if public else None, own)
        links = {"before": before, "after": after, "headings": headings, "lessons": lessons}
        _save(folder / "notebooks" / f"{name}.html", "lesson.html", body=body, up="../", **lessons[name], **links)
        if cited:
            references.append(
                Markup('<h2><a href="notebooks/{}.html">{}</a></h2>').format(name, lessons[name]["title"])
            )
            references.append(cited)
    glossary = notebook_paths()[0].parent / "glossary.md"
    text = glossary.read_text(encoding="utf-8") if glossary.is_file() else "# Glossary"
    _save(folder / "glossary.html", "text.html", title="Glossary", body=to_html(text, own=True), up="")
    body = Markup("<h1>References</h1>") + Markup("").join(references)
    _save(folder / "references.html", "text.html", title="References", body=body, up="")
    return lessons


def _title(name: str, cells: list) -> dict:
    """Title of a lesson and the sentence below it."""
    found = re.match(r"# (.+)\n+((?:.+\n?)*)", cells[0].source if cells else "")
    return {"title": found[1], "about": " ".join(found[2].split())} if found else {"title": name, "about": ""}


# ---- a lesson --------------------------------------------------------------------------------------------------------


def lesson(cells: list, kept: set[str] | None = None, own: bool = False) -> tuple[Markup, dict[str, str], Markup]:
    """The cells of an executed notebook as HTML, its headings (id -> text), and its references.

    Answers are folded. With `kept` the outputs that name a series are left out, and figures with another caption.
    Beside `own` data the text says nothing of the attachments.
    """
    parts, headings, cited = [], {}, Markup("")
    for cell in cells:
        answer = "answer" in cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            part = to_html(ON_ATTACHMENTS.sub("", cell.source) if own else cell.source, own=True)
            headings |= dict(re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', part))
            if "## References\n" in cell.source:
                cited = to_html(cell.source.partition("## References\n")[2], own=True)
        elif cell.cell_type == "code":
            source = cell.source
            if kept is not None and "injected-parameters" in cell.metadata.get("tags", []):  # folders of one machine
                source = re.sub(r"^(data|out) = .*\n?", "", source, flags=re.MULTILINE)
            code = Markup(highlight(source, PythonLexer(), HtmlFormatter(cssclass="code")))
            part = code + Markup("").join(_outputs(cell.outputs, kept))
        else:
            continue
        if answer:
            number = re.search(r"Answer (\d+)", cell.source)
            summary = f"Answer {number[1]}" if number else "Answer"
            part = Markup('<details class="answer"><summary>{}</summary>{}</details>').format(summary, part)
        parts.append(part)
    return Markup("\n").join(parts), headings, cited


def _outputs(outputs: list, kept: set[str] | None) -> Iterable[Markup]:
    """What a code cell shows; progress bars and warnings, which go to stderr, are left out."""
    caption = ""
    for output in outputs:
        data = output.get("data", {})
        texts = [output.get("text", ""), *(data.get(f"text/{kind}", "") for kind in ("plain", "html", "markdown"))]
        if output.output_type == "error":
            yield Markup("<pre>{}: {}</pre>").format(output.ename, output.evalue)
        elif kept is not None and any(SHOWS_SERIES.search(text) for text in texts):
            yield LEFT_OUT
        elif output.output_type == "stream":
            if output.name == "stdout":
                yield Markup("<pre>{}</pre>").format(output.text)
        elif data.get("text/markdown", "").startswith(SEE):
            caption = data["text/markdown"].removeprefix(SEE).strip()
        elif "image/png" in data:
            if kept is None or caption in kept:
                image = data["image/png"].replace("\n", "")
                figure = '<figure><img src="data:image/png;base64,{}" alt="{}"><figcaption>{}</figcaption></figure>'
                yield Markup(figure).format(image, caption or "figure", caption)
            else:
                yield LEFT_OUT
            caption = ""
        elif "text/html" in data:
            html = re.sub(r"<(script|iframe).*?</\1>", "", data["text/html"], flags=re.DOTALL)
            yield Markup('<div class="output_html">{}</div>').format(_table(html))
        elif "text/markdown" in data:
            text = data["text/markdown"]
            if kept is not None:  # folders of one machine, in what a stage says of itself
                text = re.sub(r"\bdata [^,\n]*[/\\][^,\n]*", "data attachments", re.sub(r" in `[^`\n]+`,", ":", text))
            yield to_html(text)
        elif "text/plain" in data:
            yield Markup("<pre>{}</pre>").format(data["text/plain"])


def _table(html: str) -> Markup:
    """A table in a box of its own that scrolls; the column of verdicts stays in sight."""

    def boxed(match: re.Match) -> str:
        header = re.findall(r"<th(?:\s[^>]*)?>(.*?)</th>", match[0].partition("</tr>")[0], re.DOTALL)
        keep = f' class="keep-{header.index("verdict") + 1}"' if "verdict" in header else ""
        return f'<div class="scroll"><table{keep}>{match[1]}</table></div>'

    return Markup(re.sub(r"<table[^>]*>(.*?)</table>", boxed, html, flags=re.DOTALL))


# ---- text ------------------------------------------------------------------------------------------------------------

FORMULA = re.compile(
    r"(`+).+?\1"  # code, in which a dollar is a dollar
    r"|(?<!\\)\$\$(.+?)\$\$"  # a displayed formula
    r"|(?<![\\$])\$(?=[^\s$])([^$]*?[^\s$\\])\$(?!\d)",  # one in the line; "$5 and $6" is none
    re.DOTALL,
)


class _Renderer(mistune.HTMLRenderer):
    """Headings can be linked to, links to notebooks lead to their pages, pictures and links to reports are words."""

    def heading(self, text: str, level: int, **attributes) -> str:
        anchor = re.sub(r"[^\w]+", "-", re.sub(r"<.*?>|&\w+;", " ", text).lower()).strip("-")
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'

    def image(self, text: str, url: str, title=None) -> str:
        return text

    def link(self, text: str, url: str, title=None) -> str:
        if url.startswith("../reports/"):  # beside the notebooks, but not beside a run's pages
            return text
        page = re.sub(r"^(\w+)\.ipynb(?=#|$)", r"\1.html", url)
        return super().link(text, re.sub(r"^glossary\.md(?=#|$)", "../glossary.html", page), title)


def to_html(text: str, own: bool = False) -> Markup:
    """Markdown as HTML, formulas as MathML; tags in it are shown and not obeyed, but in text of our `own`."""
    formulas = []

    def take_out(match: re.Match) -> str:
        _, displayed, inline = match.groups()
        if not (displayed or inline):
            return match[0]
        formulas.append(convert(displayed or inline, display="block" if displayed else "inline"))
        return f"FORMULA{len(formulas) - 1:04d}"

    text = FORMULA.sub(take_out, text) if own else text
    html = mistune.create_markdown(renderer=_Renderer(escape=not own), plugins=["table"])(text)
    return Markup(re.sub(r"FORMULA(\d{4})", lambda match: formulas[int(match[1])] if own else match[0], _table(html)))


def _save(path: Path, template: str, **content) -> Path:
    return write_text(path, _templates.get_template(template).render(parts=PARTS, **content))


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
