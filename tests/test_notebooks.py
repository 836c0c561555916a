"""The notebooks: their form, and the whole way through them at the smoke profile."""

import ast
import json
import re
import shutil

import nbformat
import pandas as pd
import papermill
import pytest
from conftest import write_other_data
from test_runs_pages import follow_links, too_wide

from bowerbird.data.panel import Panel
from bowerbird.data.summary import skipped
from bowerbird.files import read_json
from bowerbird.runs import Stage, project_root, runner
from bowerbird.runs.parameters import declared
from bowerbird.runs.stage import maker, notebook_paths

NOTEBOOKS = notebook_paths()
FREE = (
    "data",
    "out",
    "folder",
    "stock",
    "columns",
    "rules",
)  # parameters of any text: files, folders, names of columns
NAMES = [path.stem for path in NOTEBOOKS]


def code(path):
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


def suggestions(path):
    """What a notebook suggests to change: pairs of a parameter and its value, as papermill takes them after -p."""
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    return re.findall(r"^\| `-p (\w+) (\S+)` \|", text.partition("## What would change if")[2], re.MULTILINE)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_form(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = notebook.cells
    assert notebook.metadata.kernelspec.name == "python3"
    assert 8 <= len(cells) <= 60
    assert all(not cell.outputs and cell.execution_count is None for cell in cells if cell.cell_type == "code")
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    for line in tagged[0].source.splitlines():
        assert re.fullmatch(r'\w+: (int|float|str|bool) = ("[^"|=#]*"|[\w.]+)  # [^|=#]+', line), line
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert cells[0].source.startswith(f"# {path.stem.split('_')[0]} · ")
    for heading in ("## What we run", "## Checks", "## Exercises", "## References"):
        assert heading in text or (path.stem == "00_start_here" and heading == "## What we run"), heading
    answers = [cell.source for cell in cells if "answer" in cell.metadata.get("tags", [])]
    assert len(answers) >= 2
    assert all(re.match(r"# Answer \d+|\*\*Answer \d+\.\*\*", answer) for answer in answers)
    assert "**You will learn** " in cells[0].source and "(glossary.md)" in cells[0].source
    assert re.search(r"[Aa]bout \d+ minutes", cells[0].source), "how long the lesson takes"
    assert len(suggestions(path)) >= 2 or path.stem in ("00_start_here", "17_verdict")
    for name, value in suggestions(path):
        parameter = declared(path)[name]
        assert ast.literal_eval(value) != parameter.default, name
        parameter.check(ast.literal_eval(value), name)
    for name, parameter in declared(path).items():
        assert parameter.allowed or parameter.type == "bool" or name in FREE, f"{name}: which values?"
    source = code(path)
    assert "stage.complete()" in source
    assert "../" not in source and "/home" not in source


def test_cells_of_code_are_short():
    cells = [cell for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    lengths = pd.Series([len(cell.source.splitlines()) for cell in cells])
    assert lengths.max() <= 20 and (lengths > 12).mean() < 0.1


def test_links_to_the_glossary_lead_to_a_term():
    glossary = (project_root() / "notebooks" / "glossary.md").read_text(encoding="utf-8")
    terms = [term.lower() for term in re.findall("^### (.+)$", glossary, re.MULTILINE)]
    anchors = [re.sub(r"[^\w -]", "", term).replace(" ", "-") for term in terms]  # as GitHub makes them
    assert len(set(anchors)) == len(anchors)
    for path in NOTEBOOKS:
        links = re.findall(r"\(glossary\.md#([^)]+)\)", path.read_text(encoding="utf-8"))
        assert set(links) <= set(anchors), path.stem


def test_what_a_notebook_reads_an_earlier_one_writes_and_each_writes_its_own():
    written = {}
    for path in NOTEBOOKS:
        source = code(path)
        for name in re.findall(r'stage\.read\(\s*"(\w+)"', source):
            assert maker(name) < path.stem, name
        for kind, name in re.findall(r'stage\.(write|table|figure|csv|page)\(\s*"([\w.]+)"', source):
            assert written.setdefault((kind, name), path.stem) == path.stem, name


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    return runner.reproduce(profile="smoke", out=str(tmp_path_factory.mktemp("smoke") / "run"), jobs=2)


def test_the_whole_way_through(smoke):
    for stem in NAMES:
        assert (smoke / "notebooks" / f"{stem}.ipynb").is_file() and (smoke / "notebooks" / f"{stem}.html").is_file()
        record = read_json(smoke / "records" / f"{stem}.json")
        assert all((smoke / file).is_file() for file in record["files"])
    wrote = {place: stem for stem in NAMES for place in Stage(stem, smoke).files}
    for path in NOTEBOOKS:
        read = {wrote[place] for place in Stage(path.stem, smoke).reads if place in wrote}
        assert read <= runner.needs(path), f"{path.stem}: its first cell does not say all that it reads"
    forecasts, plan = pd.read_csv(smoke / "forecasts.csv"), pd.read_csv(smoke / "replenishment.csv")
    assert len(forecasts) == len(plan) == 60 * 15
    assert list(plan.columns[:6]) == ["seller_no", "product_no", "warehouse_no", "date", "s", "S"]
    assert forecasts["date"].min() == "2023-05-16" and forecasts["date"].max() == "2023-05-30"
    assert "those of a twin paper" in (smoke / "VERDICT.md").read_text(encoding="utf-8")
    opened = pd.read_csv(smoke / "tables" / "seal_opened.csv").set_index("choice")["outcome"]
    assert opened["doubled rows"] == "identified" and opened["model"] == "identified"
    assert all((smoke / page).is_file() for page in ("VERDICT.md", "DEVIATIONS.md", "ERRATA.md", "DOCUMENTS.md"))
    pd.testing.assert_frame_equal(
        pd.read_parquet(smoke / "results" / "forecasts.parquet")[["forecast_qty"]].round(3), forecasts[["forecast_qty"]]
    )


def test_run_json_says_how_it_was_made(smoke):
    run = read_json(smoke / "run.json")
    assert run["data"] == "synthetic" and run["seed"] == 0 and run["profile"] == "smoke"
    assert set(run["seconds"]) == set(NAMES)
    assert len(run["data_files"]) == 6 and all(len(f["sha256"]) == 64 for f in run["data_files"].values())
    assert run["versions"]["torch"] and run["device"]


NO_DATA = ("00_start_here", "05_bowerbird_search", "15_learned_rule", "18_weekly_challenge", "19_other_data")
LATER = (
    "02_clustering", "04_denoising", "07_table_3", "11_how_much_and_when", "12_shared_capacity_and_networks",
    "13_prices", "14_alerts", "16_daily_operation",
)  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["till.csv", pytest.param("weekly.csv", marks=pytest.mark.slow), pytest.param("onehouse", marks=pytest.mark.slow)],
)
def test_other_data_run_to_the_end_and_are_not_judged(name, tmp_path, monkeypatch):
    data = write_other_data(tmp_path, name)
    gaps = {"settings": ("01_data.fill_gaps=nan",)} if name == "onehouse" else {"rules": "fill_gaps=missing"}
    left_out = dict.fromkeys(NO_DATA + (LATER if name == "till.csv" else ()), "left out of this test")
    monkeypatch.setattr(runner, "skipped", lambda source: skipped(source) | left_out)
    run = runner.reproduce(profile="smoke", data=str(data), out=str(tmp_path / "run"), jobs=2, **gaps)
    assert read_json(run / "run.json")["data"] == f"own data, {name}"
    panel = Panel.from_frame(pd.read_parquet(run / "results" / "panel.parquet"))
    horizon = read_json(run / "results" / "settings.json")["horizon"]
    for table in ("replenishment.csv", "forecasts.csv"):
        rows = pd.read_csv(run / table, parse_dates=["date"])
        assert len(rows) == panel.n_series * horizon
        assert sorted(rows["date"].unique()) == list(panel.dates_ahead(horizon))
        assert name != "till.csv" or rows.columns[0] == "SKU"
    verdicts = pd.read_csv(run / "tables" / "verdict.csv")
    assert set(verdicts["verdict"]) == {"not comparable"} and set(verdicts["as run"]) == {"–"}
    page = (run / "index.html").read_text(encoding="utf-8")
    assert page.index("replenishment.csv") < page.index("1-WMAPE") < page.index("03_tables_1_and_2 was skipped")
    for lesson in (run / "notebooks").glob("*.ipynb"):
        outputs = [cell.get("outputs") for cell in nbformat.read(lesson, as_version=4).cells]
        assert not re.search("2023-05|attachments|on the contest", json.dumps(outputs)), lesson.stem


def test_every_link_of_the_site_leads_somewhere_and_its_pages_fit_a_phone(smoke, tmp_path):
    found = [*smoke.glob("*.html"), *(smoke / "notebooks").glob("*.html")]
    assert {page.stem for page in found} >= {"index", "VERDICT", "glossary", "references", *NAMES}
    assert {page.resolve() for page in found} <= follow_links(smoke, found)
    assert too_wide(found, tmp_path) == ""


def test_nothing_runs_twice(smoke, capsys):
    runner.reproduce(profile="smoke", out=str(smoke), quiet=True)
    assert capsys.readouterr().out.count("up to date") == len(NAMES)


def test_one_notebook_alone_as_a_user_would(smoke, tmp_path):
    notebook = project_root() / "notebooks" / "05_bowerbird_search.ipynb"
    parameters = {"out": str(tmp_path), "seed": 3, "max_evaluations": 60, "n_bowers": 5, "n_seeds": 1}
    papermill.execute_notebook(str(notebook), str(tmp_path / "out.ipynb"), parameters, progress_bar=False)
    assert (tmp_path / "tables" / "sbo_functions.csv").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_what_is_suggested_runs(path, smoke, tmp_path):
    run = shutil.copytree(smoke, tmp_path / "run")
    for name, value in suggestions(path):
        parameters = {"out": str(run), name: ast.literal_eval(value)}
        papermill.execute_notebook(str(path), str(tmp_path / "out.ipynb"), parameters, progress_bar=False)


def test_every_figure_is_shown_under_a_word_on_what_to_see(smoke):
    for name in NAMES:
        shown = (smoke / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
        for place, entry in Stage(name, smoke).files.items():
            if place.startswith("figures/"):
                assert entry["caption"] and json.dumps(entry["caption"], ensure_ascii=False)[1:-1] in shown, place


def test_no_notebook_holds_an_attachments_row():
    for path in NOTEBOOKS:
        assert not re.search(r"seller_\d+,product_\d+", json.dumps(nbformat.read(path, as_version=4)))


def test_common_parameters():
    for path in NOTEBOOKS:
        assert {"data", "out", "seed"} <= set(declared(path)), path.stem


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits(smoke, tmp_path):
    again = runner.reproduce(profile="smoke", out=str(tmp_path / "again"), quiet=True)
    for name in ("forecasts.csv", "replenishment.csv", "tables/headline.csv", "tables/sbo_history.csv"):
        assert (again / name).read_bytes() == (smoke / name).read_bytes(), name
    other = runner.reproduce(profile="smoke", seed=1, out=str(tmp_path / "other"), quiet=True)
    assert (other / "forecasts.csv").read_bytes() != (smoke / "forecasts.csv").read_bytes()


@pytest.mark.slow
def test_the_paper_on_its_own_data(attachments_folder, tmp_path):
    run = runner.reproduce(profile="demo", data=str(attachments_folder), out=str(tmp_path / "run"), quiet=True)
    headline = pd.read_csv(run / "tables" / "headline.csv").set_index("quantity")
    assert headline.loc["records clustered", "verdict"] == "reproduced"
    assert headline.loc["centre cells equal, of 100", "as run"] == "100"
    assert headline.loc["1-WMAPE, 1 day ahead", "verdict"] == "consistent with"
    assert 0.54 < float(headline.loc["1-WMAPE, 15 days ahead", "corrected"]) < 0.60
    assert len(pd.read_csv(run / "forecasts.csv")) == 1996 * 15
