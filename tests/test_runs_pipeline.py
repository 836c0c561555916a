"""The runner: order, skipping, resuming after a failure, and what a user is told."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from bowerbird.errors import DataError, ParameterError
from bowerbird.runs import pipeline, read_json

PARAMETERS = 'out: str = ""  # folder\nseed: int = 0  # seed\nfail: bool = False  # stop with an error'
BODY = """
from bowerbird.runs import Stage
stage = Stage.begin("{name}", out)
log = stage.folder / "log.txt"
log.open("a").write("{name} ")
assert not fail, "asked to fail"
stage.write("{result}", {{"seed": seed}})
"""


@pytest.fixture
def two_notebooks(tmp_path, monkeypatch):
    """Two stages in place of the real ones; the second reads the first."""
    paths = []
    for name, result in (("03_denoising", "denoising"), ("05_sbo_lstm", "settings")):
        cells = [
            new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
            new_code_cell(BODY.format(name=name, result=result)),
        ]
        paths.append(tmp_path / f"{name}.ipynb")
        notebook = new_notebook(
            cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        )
        nbformat.write(notebook, paths[-1])
    monkeypatch.setattr(pipeline, "notebook_paths", lambda: paths)
    monkeypatch.setattr(pipeline, "READS", {"03_denoising": (), "05_sbo_lstm": ("03_denoising",)})
    monkeypatch.setattr(pipeline, "load_profile", lambda profile: {})
    return tmp_path


def run(folder, **options):
    pipeline.reproduce(profile="smoke", out=str(folder / "run"), quiet=True, **options)
    return (folder / "run" / "log.txt").read_text().split()


def test_stages_run_once_are_skipped_and_run_again_when_something_changes(two_notebooks):
    assert run(two_notebooks) == ["03_denoising", "05_sbo_lstm"]
    assert run(two_notebooks) == ["03_denoising", "05_sbo_lstm"], "nothing changed, nothing runs"

    (two_notebooks / "run" / "results" / "settings.json").unlink()
    assert run(two_notebooks)[2:] == ["05_sbo_lstm"], "a lost result is made again, and only it"

    assert run(two_notebooks, seed=1)[3:] == ["03_denoising", "05_sbo_lstm"], "another seed is another run"
    record = read_json(two_notebooks / "run" / "records" / "05_sbo_lstm.json")
    assert record["parameters"]["seed"] == 1 and record["files"] == ["results/settings.json"]
    assert {"commit", "versions", "device", "seconds", "fingerprint", "data"} <= set(record)
    summary = read_json(two_notebooks / "run" / "run.json")
    assert set(summary["seconds"]) == {"03_denoising", "05_sbo_lstm"}
    assert (two_notebooks / "run" / "index.html").is_file()


def test_the_record_of_a_run_says_with_what_each_stage_was_run(two_notebooks):
    run(two_notebooks)
    run(two_notebooks, seed=1, until="03_denoising")
    parameters = read_json(two_notebooks / "run" / "run.json")["parameters"]
    assert {name: values["seed"] for name, values in parameters.items()} == {"03_denoising": 1, "05_sbo_lstm": 0}


def test_a_failure_names_notebook_cell_and_cause_and_the_next_call_goes_on_there(two_notebooks):
    with pytest.raises(pipeline.StageFailed, match=r"05_sbo_lstm, cell .*AssertionError: asked to fail"):
        run(two_notebooks, settings=("05_sbo_lstm.fail=true",))
    notebooks = two_notebooks / "run" / "notebooks"
    assert (notebooks / "05_sbo_lstm.failed.ipynb").is_file(), "the failed notebook is kept"
    assert not (notebooks / "05_sbo_lstm.ipynb").exists() and not list(notebooks.glob("*.running.ipynb"))

    assert run(two_notebooks) == ["03_denoising", "05_sbo_lstm", "05_sbo_lstm"], "the first stage is not run again"
    assert not (notebooks / "05_sbo_lstm.failed.ipynb").exists()


def test_an_interrupted_stage_leaves_nothing_half_and_is_resumed(two_notebooks, monkeypatch):
    real = pipeline.papermill.execute_notebook

    def interrupted(source, target, *arguments, **options):
        if "05_sbo_lstm" in source:
            Path(target).write_text("{")
            raise KeyboardInterrupt
        return real(source, target, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.papermill, "execute_notebook", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(two_notebooks)
    assert [p.name for p in (two_notebooks / "run" / "notebooks").glob("05*")] == []
    assert run(two_notebooks) == ["03_denoising", "05_sbo_lstm"]


def test_wrong_input_is_refused_before_anything_runs(two_notebooks):
    for options, error in (
        ({"data": str(two_notebooks / "nowhere")}, DataError),
        ({"device": "tpu"}, ParameterError),
        ({"until": "07_forcast"}, ParameterError),
        ({"settings": ("03_denoising.sead=1",)}, ParameterError),
    ):
        with pytest.raises(error):
            run(two_notebooks, **options)
    assert not (two_notebooks / "run").exists()


def test_until_stops_after_the_named_notebook(two_notebooks):
    assert run(two_notebooks, until="03_denoising") == ["03_denoising"]
