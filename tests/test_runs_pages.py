"""The pages of a run: links lead somewhere, nothing is fetched, what users typed is escaped."""

import json
import re
import shutil
import subprocess
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
from bowerbird.runs.stage import notebook_paths

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
    outputs = [
        markdown_output("**What to see:** A polynomial follows the season."),
        new_output("display_data", {"image/png": b64encode(picture.read_bytes()).decode()}),
        new_output("display_data", {"text/html": wide.to_html(), "text/plain": "wide"}),
        new_output("stream", text="x" * 3000),
    ]
    cells = [
        new_markdown_cell("# 02 · DM & clusters\n\nThe paper's mixture of curves, and what\nmade its tables.\n\nReads"),
        new_markdown_cell("## Formulas\n\n$$" + " + ".join(r"\sum_i w_{ik} \beta_k" for _ in range(40)) + "$$"),
        new_markdown_cell("See [RMSSE](glossary.md#rmsse) and [the start](00_start_here.ipynb#formulas)."),
        new_markdown_cell("The rates are in [FORENSICS.md](../reports/FORENSICS.md)."),
        new_code_cell("print('" + "y" * 400 + "')", outputs=outputs, execution_count=1),
        new_markdown_cell("## References\n\nGaffney & Smyth (1999)."),
    ]
    (folder / "notebooks").mkdir()
    for name in ("00_start_here", "02_clustering"):
        nbformat.write(new_notebook(cells=cells), folder / "notebooks" / f"{name}.ipynb")
    record = BEGUN | {
        "seconds": {"00_start_here": 1.0, "02_clustering": 2.5}, "platform": "Linux", "command": HOSTILE,
        "versions": {"numpy": "2.4.6"}, "data_files": {"附件1": {"file": "a.csv", "sha256": "0123456789abcdef"}},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    day = folder / "operation" / "store" / "days" / "2023-05-16"
    day.mkdir(parents=True)
    (day / "index.html").write_text("<p>orders</p>")
    pages.write_site(folder)
    return folder


def markdown_output(text):
    return new_output("display_data", {"text/markdown": text, "text/plain": "<Markdown>"})


def all_pages(folder):
    found = sorted(folder.glob("*.html")) + sorted((folder / "notebooks").glob("*.html"))
    assert [page.name for page in found] == [
        "VERDICT.html", "glossary.html", "index.html", "references.html", "00_start_here.html", "02_clustering.html",
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
    page = pages.write_site(tmp_path).read_text(encoding="utf-8")
    assert "00_start_here" in page and "The paper's numbers beside ours" not in page
    assert "<b>synthetic" not in page and "&lt;b&gt;synthetic" in page
    assert all(link.startswith("#") or (tmp_path / link).is_file() for link in Links(tmp_path / "index.html").followed)


def follow_links(run, found):
    """Check every address of these pages; the files of the run that they lead to."""
    reached = set()
    for page in found:
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
                assert not place or place in Links(page.parent / path).places, (page.name, address)
                reached.add((page.parent / path).resolve())
        assert not re.search(r"@import|url\(['\"]?(?:https?:)?//", page.read_text(encoding="utf-8")), page.name
        assert "default-src 'none'" in page.read_text(encoding="utf-8"), page.name
    return reached


def test_every_link_leads_somewhere_and_nothing_is_fetched(run):
    written = [*all_pages(run), run / "figures" / "dm_one_curve.png", *run.glob("tables/*.csv")]
    assert {path.resolve() for path in written} <= follow_links(run, all_pages(run))


MEASURE = """<body><script>
async function measure() {
  const wide = []
  for (const width of [390, 1200]) for (const address of %s) {
    const frame = document.body.appendChild(document.createElement("iframe"))
    frame.style = `border: 0; height: 900px; width: ${width}px`
    await new Promise(done => { frame.onload = done; frame.src = address })
    const page = frame.contentDocument.documentElement
    if (page.scrollWidth > width) wide.push(`${address} is ${page.scrollWidth} px wide in ${width}`)
    frame.remove()
  }
  document.title = wide.join("; ") || "all fit"
}
measure()
</script></body>"""


def too_wide(found, folder) -> str:
    """Pages that do not fit a phone (390 px) or a screen (1,200 px), as Chromium lays them out; "" if all fit."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium to lay the pages out; install it to run this test")
    page = folder / "measure.html"
    page.write_text(MEASURE % json.dumps([path.as_uri() for path in found]))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
               f"--user-data-dir={folder / 'chromium'}", "--timeout=60000", "--virtual-time-budget=60000", "--dump-dom",
               page.as_uri()]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    title = re.search(r"<title>(.*?)</title>", shown)
    assert title, shown[:500]
    return title[1].replace("all fit", "")


def test_pages_fit_a_phone_and_a_screen(run, tmp_path):
    assert too_wide(all_pages(run), tmp_path) == ""


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
    assert '<h1 id="the-verdict">The verdict</h1>' in page and page.count('class="scroll"><table class="keep-1">') == 1
    assert re.search(r"<td[^>]*>112</td>", page) and "a picture" in page


# A notebook as a page


def page_of(*cells, kept=None):
    """The body of the page of a notebook with these cells."""
    return pages.lesson(new_notebook(cells=list(cells)).cells, kept)[0]


def test_formulas_become_mathml_and_code_stays():
    text = "# 02 · Title\n\nThe mean $\\beta_k$ and\n\n$$\\sum_i\nw_{ik} \\qquad (10)$$\n\n*as printed*"
    page = page_of(new_markdown_cell(text), new_code_cell("price = '$5 and $6'"))
    assert page.count("<math") == 2 and page.count('display="block"') == 1
    assert "<em>as printed</em>" in page and "FORMULA" not in page and "qquad" not in page
    assert "$5 and $6" in page


@pytest.mark.parametrize(
    ("text", "formulas", "kept"),
    [
        ("| what | formula |\n|---|---|\n| size | $|x|$ and $\\bar x$ |", 2, "<td>size</td>"),
        ("* one $a_i$\n* two\n\n1. $$\\hat\\beta$$", 2, "<li>two</li>"),
        ("it costs $5 and $6, or \\$7 and $x$", 1, "it costs $5 and $6"),
        ("in `$HOME` and\n\n```\necho $PATH $x$\n```\n\nbut $y$", 1, "<code>$HOME</code>"),
    ],
    ids=["table", "list", "prices", "code"],
)
def test_a_formula_where_one_is_meant(text, formulas, kept):
    page = page_of(new_markdown_cell(text))
    assert page.count("<math") == formulas and kept in page


def test_answers_are_folded_and_captions_are_the_alternative_text():
    image = new_output("display_data", {"image/png": "AAAA"})
    caption = markdown_output("**What to see:** Orders & stock.")
    answer = new_code_cell("# Answer 2\n1 + 1", metadata={"tags": ["answer"]})
    page = page_of(new_code_cell("draw()", outputs=[caption, image]), answer)
    assert 'alt="Orders &amp; stock."' in page and "<figcaption>Orders &amp; stock.</figcaption>" in page
    assert '<details class="answer"><summary>Answer 2</summary>' in page


def test_progress_bars_warnings_scripts_and_frames_are_left_out():
    bar = new_output("stream", name="stderr", text="100%|####| 7/7")
    hostile = new_output("display_data", {"text/html": "<b>bold</b><script>alert(1)</script><iframe>x</iframe>"})
    page = page_of(new_code_cell("1", outputs=[bar, hostile]))
    assert "<b>bold</b>" in page and "alert(1)" not in page and "####" not in page and "iframe" not in page


def test_beside_other_data_the_text_says_nothing_of_the_attachments():
    cell = new_markdown_cell(
        "One start. On the attachments\nit ends at 3.5 %. Always.\n\n* a. On the attachments b.\n* c"
    )
    body, *_ = pages.lesson([cell], own=True)
    assert "attachments" not in body and "3.5" not in body and "One start." in body and "<li>c</li>" in body
    assert "3.5 %. Always." in pages.lesson([cell])[0]
    for path in notebook_paths():
        if path.stem[:2] in ("00", "03", "09", "18", "19"):  # of the paper, or not run on other data
            continue
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
        left = "\n".join(pages.ON_ATTACHMENTS.sub("", cell.source) for cell in cells[1:])
        assert not re.search(r"[oO]n the attachments|1,996 series\.", left), path.stem


def test_readers_without_the_attachments_see_no_series():
    table = new_output(
        "display_data", {"text/html": "<table><tr><td>seller_3</td></tr></table>", "text/plain": "seller_3"}
    )
    image = new_output("display_data", {"image/png": "AAAA"})
    shown, hidden = (markdown_output(f"**What to see:** {caption}") for caption in ("A total.", "One series."))
    page_of_a_day = markdown_output("[The page](../operation/store/days/2023-05-16/index.html)")
    cell = new_code_cell("1", outputs=[table, shown, image, hidden, image, page_of_a_day])
    about = markdown_output("**01_data** in `/home/me/run`, data /home/me/raw, seed 0\n\n- reads x: data /home/me/raw")
    cell.outputs.append(about)
    injected = new_code_cell("# Parameters\ndata = '/home/me'\nseed = 0", metadata={"tags": ["injected-parameters"]})
    everything, public = page_of(injected, cell), page_of(injected, cell, kept={"A total."})
    assert "seller_3" in everything and everything.count("<img") == 2
    assert "seller_3" not in public and public.count("<img") == 1 and public.count("Left out here") == 3
    assert "../operation" in everything and "../operation" not in public
    assert "/home/me" in everything and "/home/me" not in public and public.count("data attachments") == 2
