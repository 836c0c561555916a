"""Drill: ids, labels and files made to do harm, to a page, a spreadsheet, a figure or the machine."""

import ast
import html
import json
import os
import pickle
import re
from pathlib import Path

import mistune
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook, new_output

from bowerbird.data.panel import Panel, build_panel
from bowerbird.data.reader import ATTACHMENTS, SERIES_KEY
from bowerbird.data.twin import make_twin
from bowerbird.errors import BowerbirdError, MissingResult, ParameterError
from bowerbird.evaluation.ladder import Method, Protocol, make_forecasts
from bowerbird.files import markdown_safe, neutralised
from bowerbird.forecaster.forecast import Forecast
from bowerbird.forecaster.lstm import Settings
from bowerbird.forecaster.training import fit, load, save
from bowerbird.inventory.policy import Levels
from bowerbird.inventory.simulate import simulate
from bowerbird.runs import Stage, pages, project_root, runner
from bowerbird.runs.stage import notebook_paths
from bowerbird.sbo import Float, minimize, one_by_one
from bowerbird.studies import inventory
from bowerbird.studies import lstm as forecasting

pytestmark = pytest.mark.drill("Hostile ids, and files that would run code")

SCRIPT, IMAGE = "<script>alert('x')</script>", '"><img src=x onerror=y>'
HOSTILE = [SCRIPT, IMAGE, "=cmd|' /C calc'!A0", "@SUM(A1)", "+1+1", "-2+3|x", "$\\frac{$", "[a](javascript:b)", "＝A1"]
SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def formulas(path: Path) -> list[str]:
    """Cells of a csv that a spreadsheet would compute."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    cells = [*table.columns, *table.to_numpy(dtype=str).ravel()]
    return [cell for cell in cells if cell.startswith(SIGNS) and not is_number(cell)]


def obeyed(page: str) -> list[str]:
    """Marks of the hostile ids that a browser would obey."""
    return re.findall(r"<script>alert|<img src=x", page)


def hostile_table() -> pd.DataFrame:
    return pd.DataFrame({"seller_no": HOSTILE, "units": np.arange(len(HOSTILE)) - 3.5, "n": range(len(HOSTILE))})


def small_panel() -> Panel:
    return build_panel(make_twin(4))


# Tables, pages, figures


def test_a_runs_csv_holds_no_formula(tmp_path, record_property):
    """Tables and the plan: text that begins with = + - @ gets a ' in front; numbers and parquet stay as they are."""
    stage, plan = Stage.begin("10_inventory", str(tmp_path)), hostile_table()
    pd.testing.assert_frame_equal(stage.table("plan", plan), plan)
    for written in (stage.csv("replenishment", plan, ""), stage.home / "tables" / "plan.csv"):
        assert formulas(written) == []
        again = pd.read_csv(written)
        pd.testing.assert_frame_equal(again.drop(columns="seller_no"), plan.drop(columns="seller_no"))
        assert [text.removeprefix("'") for text in again["seller_no"]] == HOSTILE
    assert pd.read_parquet(stage.write("plan", plan))["seller_no"].to_list() == HOSTILE
    made_harmless = sum(text.startswith(SIGNS) for text in HOSTILE)
    record_property("measured", f"{len(HOSTILE)} hostile ids, {made_harmless} made harmless")


def test_neutralised_changes_what_begins_a_formula_and_nothing_else():
    """Every kind of column; missing values stay missing; the ids of the attachments stay as they are."""
    table = pd.DataFrame({
        "text": ["=1", None, "seller_1", "a=1"], "kind": pd.Categorical(["-a", "b", "-a", "b"]),
        "mixed": ["@x", -1, np.nan, "1"], "number": [-1.0, 2, 3, np.nan], "day": pd.date_range("2023-01-01", periods=4),
    })  # fmt: skip
    safe = neutralised(table)
    assert safe["text"].to_list()[0] == "'=1" and safe["text"].isna().to_list() == [False, True, False, False]
    assert safe["text"].to_list()[2:] == ["seller_1", "a=1"] and safe["kind"].to_list() == ["'-a", "b", "'-a", "b"]
    assert safe["mixed"].to_list()[:2] == ["'@x", -1] and safe["mixed"].isna().sum() == 1
    pd.testing.assert_frame_equal(safe[["number", "day"]], table[["number", "day"]])
    assert table["text"][0] == "=1", "a copy"


def test_a_markdown_table_obeys_no_id(tmp_path):
    """Tags, links and the table's own borders lose their meaning; formulas of the paper keep theirs."""
    safe = markdown_safe(hostile_table())["seller_no"].to_list()
    assert safe[0] == "\\<script>alert('x')\\</script>" and safe[1] == '">\\<img src=x onerror=y>'
    assert safe[2] == "=cmd\\|' /C calc'!A0" and safe[7] == "\\[a](javascript:b)"
    paper = pd.DataFrame({"a": ["x < 1, [2]", "two\nlines"]})
    assert markdown_safe(paper)["a"].to_list() == ["x < 1, [2]", "two lines"]
    stage = Stage.begin("05_bowerbird_search", str(tmp_path))
    stage.table("ids", hostile_table())
    lines = (stage.home / "tables" / "ids.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 + len(HOSTILE)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {4}, "three columns in every line"


@pytest.mark.parametrize("text", [r"\<img src=x onerror=alert(1)>", r"\[x](http://evil)", r"a\|b", r"\\<b>"])
def test_a_backslash_of_an_id_undoes_no_escape(text):
    """An id's own backslash before a tag, a link or a border is shown, and what follows it stays text."""
    table = markdown_safe(pd.DataFrame({"id": [text], "qty": [1]})).to_markdown(index=False)
    page = mistune.create_markdown(plugins=["table"], escape=False)(table)
    assert page.count("<td") == 2 and html.unescape(re.search(r"<td[^>]*>(.*?)</td>", page)[1]) == text
    assert not re.search(r"<(img|a|b)\b", page)


def test_pages_show_ids_and_obey_none(tmp_path):
    """index.html of a run with hostile names; a notebook's page with a table, a print and an error of such ids."""
    run = dict.fromkeys(["profile", "data", "device", "commit"], SCRIPT) | {"seconds": {IMAGE: 1.0}}
    (tmp_path / "run.json").write_text(json.dumps(run | {"seed": 0, "seconds_total": 1.0}))
    stage = Stage.begin("17_verdict", str(tmp_path))
    stage.table("headline", hostile_table())
    stage.complete()
    page = pages.write_site(tmp_path).read_text(encoding="utf-8")
    assert obeyed(page) == [] and page.count("&lt;script&gt;") >= 4

    outputs = [
        new_output("display_data", {"text/html": hostile_table()._repr_html_(), "text/plain": repr(HOSTILE)}),
        new_output("display_data", {"text/plain": repr(HOSTILE)}),
        new_output("stream", name="stdout", text="\n".join(HOSTILE)),
        new_output("error", ename="KeyError", evalue=SCRIPT, traceback=[f"KeyError: {SCRIPT}"]),
    ]
    cell = new_code_cell("frame", outputs=outputs, execution_count=1)
    page = pages.lesson(new_notebook(cells=[cell]).cells)[0]
    assert obeyed(page) == [] and page.count("&lt;script&gt;") >= 3


def test_figures_name_series_whatever_their_ids(tmp_path):
    """A $ in an id is no formula: the figures of studies that show ids are drawn."""
    panel = small_panel()
    panel.series["product_no"] = ["$\\frac{$", SCRIPT, "a_$b$^", "\\"]
    demand, dates = panel.demand[:, -15:], panel.dates[-15:]
    forecast = Forecast(demand, demand + 1, np.ones_like(demand), np.zeros_like(demand), dates=dates)
    levels = Levels(np.full_like(demand, 2.0), np.full_like(demand, 9.0))
    walk = simulate(demand, levels.s, levels.S)
    stage = Stage.begin("08_forecast", str(tmp_path))
    stage.figure("fans", forecasting.fans(panel, forecast, [0, 1, 2]), "")
    stage.figure("sawtooth", inventory.sawtooth(walk, 0, levels, panel.keys[0]), "")
    assert len(list((stage.home / "figures").glob("*.png"))) == 2


@pytest.mark.slow
def test_a_whole_run_of_hostile_ids(tmp_path, record_property):
    """Every id and label of the twin hostile, all notebooks: no page, csv or Markdown table of the run obeys one."""
    twin, data = make_twin(60), tmp_path / "hostile"
    data.mkdir()
    for spec in ATTACHMENTS:
        table = getattr(twin, spec.name)
        for column in table.columns.difference(["date", "qty"]):
            code = table[column].str.extract(r"(\d+)$")[0].fillna("0").astype(int)
            # Notebook 16 delivers a day as a workbook, where openpyxl would make an id that begins with = a formula
            marks = [mark for mark in HOSTILE if not (column in SERIES_KEY and mark.startswith("="))]
            table[column] = [f"{marks[k % len(marks)]}{text}" for k, text in zip(code, table[column], strict=True)]
        table.to_csv(data / f"{spec.label}.csv", index=False)
    run = runner.reproduce("smoke", data=str(data), out=str(tmp_path / "run"), quiet=True)
    shown_in, tables, texts = (sorted(run.rglob(f"*.{kind}")) for kind in ("html", "csv", "md"))
    shown = 0
    for page in shown_in:
        text = page.read_text(encoding="utf-8")
        shown += text.count("&lt;script&gt;alert") + text.count("&lt;img src=x")
        assert obeyed(text) == [], page
    assert shown > 0 and len(shown_in) > 12
    for path in tables:
        if path.parent.name not in ("deliveries", "quarantine"):  # files as they were delivered
            assert formulas(path) == [], path
    for path in texts:
        assert not re.search(r"(?<!\\)<(script|img)", path.read_text(encoding="utf-8")), path
    record_property(
        "measured", f"{len(shown_in)} pages, {len(tables)} csv, {len(texts)} Markdown files; ids shown {shown} times"
    )


# Files that would run code


class Harm:
    """A pickle of this makes a folder when it is read."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def harm(tmp_path):
    """Pickle that does harm, and whether it did; a plain reading shows that it works."""
    pickle.loads(pickle.dumps(Harm(tmp_path / "proof")))
    assert (tmp_path / "proof").is_dir()
    return pickle.dumps(Harm(tmp_path / "harm")), (tmp_path / "harm").exists


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_forecaster_that_would_run_code_is_refused(tmp_path, harm):
    """Pickles in the place of a checkpoint and of its weights; other weights, other settings, half a file."""
    pickled, done = harm
    path = save(fit(small_panel(), Settings(hidden_size=2, epochs=1)), tmp_path / "forecaster.zip")
    whole, kept = path.read_bytes(), torch.load(path, weights_only=True)
    settings, evil = kept["settings"], Harm(tmp_path / "harm")
    for spoilt in (
        pickled, b"", whole[: len(whole) // 2], evil, kept | {"networks": [evil]}, kept | {"settings": evil},
        kept | {"settings": settings | {"hidden_size": 3}}, kept | {"settings": settings | {"hidden_sighs": 2}}, [], {},
    ):  # fmt: skip
        if isinstance(spoilt, bytes):
            path.write_bytes(spoilt)
        else:
            torch.save(spoilt, path)
        with pytest.raises(BowerbirdError, match=r"forecaster\.zip is no forecaster's checkpoint"):
            load(path)
    with pytest.raises(BowerbirdError, match=r"missing\.zip is no forecaster's checkpoint"):
        load(tmp_path / "missing.zip")
    assert not done()


def test_kept_forecasts_and_checkpoints_that_would_run_code_are_refused(tmp_path, harm):
    """Pickles in the place of a kept forecast (it is made again) and of SBO's checkpoint."""
    pickled, done = harm
    ask = [Method("last day", lambda known, horizon, seed: np.repeat(known.demand[:, -1:], horizon, axis=1))]
    asked = small_panel(), ask, [Protocol("R", (60,), 5)], tmp_path / "ladder"
    ((key, made),) = make_forecasts(*asked).items()
    kept = next((tmp_path / "ladder").rglob("*.npz"))
    objects = tmp_path / "objects.npz"
    np.savez(objects, point=np.array([Harm(tmp_path / "harm")]), levels=np.array([]), values=np.array([]))
    for content in (pickled, objects.read_bytes(), kept.read_bytes()[:200], b""):
        kept.write_bytes(content)
        with pytest.warns(UserWarning, match=rf"{re.escape(kept.name)} is no kept forecast; it is made again"):
            np.testing.assert_array_equal(make_forecasts(*asked)[key].point, made.point)

    (tmp_path / "search.json").write_bytes(pickled)
    with pytest.raises(ParameterError, match=r"search\.json is not a search's"):
        minimize(one_by_one(lambda x: x["x"]), {"x": Float(0, 1)}, checkpoint=tmp_path / "search.json")
    assert not done()


def test_results_and_records_that_would_run_code_are_told(tmp_path, harm):
    """Pickles in the place of a result and of a record: the message names the file and the cure."""
    pickled, done = harm
    stage = Stage.begin("08_forecast", str(tmp_path))
    for name, result in {"forecasts": pd.DataFrame({"x": [1]}), "settings": {"x": 1}}.items():
        stage.write(name, result)
    stage.complete()
    for name, path in (("forecasts", "forecasts.parquet"), ("settings", "settings.json")):
        path = tmp_path / "results" / path
        path.write_bytes(pickled)
        with pytest.raises(MissingResult, match=rf"{path.name} is not what 08_forecast wrote .* makes it again"):
            Stage("10_inventory", tmp_path).read(name)
    stage.record_path.write_bytes(pickled)
    assert runner.why_again(stage, "") == "its record is damaged"
    assert not done()


def test_no_code_reads_a_pickle():
    """Of all calls in the package and the notebooks none unpickles, evaluates text or loads without saying that it
    does not."""
    sources = {path: path.read_text(encoding="utf-8") for path in (project_root() / "src").rglob("*.py")}
    for path in notebook_paths():
        cells = nbformat.read(path, as_version=4).cells
        sources[path] = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    safe = {"np.load": "allow_pickle=False", "torch.load": "weights_only=True", "yaml.load": "yaml.BaseLoader"}
    seen = dict.fromkeys(safe, 0)
    for path, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [getattr(node, "module", None) or "", *(name.name for name in node.names)]
                unsafe = {"joblib", "dill", "cloudpickle", "shelve", "marshal"}
                assert not unsafe & {name.split(".")[0] for name in names}, path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in safe:
                    seen[called] += 1
                    assert safe[called] in map(ast.unparse, [*node.args, *node.keywords]), (path, ast.unparse(node))
                assert called not in ("eval", "exec", "pickle.load", "pickle.loads"), (path, called)
                assert called.split(".")[-1] not in ("read_pickle", "Unpickler"), (path, called)
    assert min(seen.values()) > 0
