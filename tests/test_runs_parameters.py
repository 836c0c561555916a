"""Parameters are checked, by name and type, before anything runs."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from bowerbird.errors import ParameterError
from bowerbird.runs.parameters import PROFILES, declared, load_profile, notebook_paths, parse_setting, resolve


@pytest.fixture
def notebook(tmp_path):
    cell = new_code_cell(
        "seed: int = 0  # one integer\nrate: float = 0.5  # a share\n"
        'name: str = "a"  # a word\nfast: bool = True  # yes or no',
        metadata={"tags": ["parameters"]},
    )
    path = tmp_path / "01_example.ipynb"
    nbformat.write(
        new_notebook(
            cells=[cell], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        ),
        path,
    )
    return path


def test_declared_reads_type_default_and_help(notebook):
    assert declared(notebook)["rate"] == {"type": "float", "default": "0.5", "help": "a share"}


@pytest.mark.parametrize(("name", "value"), [("seed", 3), ("rate", 0.1), ("rate", 1), ("name", "b"), ("fast", False)])
def test_values_of_the_declared_type_pass(notebook, name, value):
    assert resolve([notebook], {"01_example": {name: value}}, {}, "here") == {"01_example": {name: value}}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sed", 3, "no parameter 'sed'; did you mean 'seed'"),
        ("seed", 0.5, "0.5 is no int"),
        ("seed", True, "True is no int"),
        ("rate", "1e-3", "YAML reads 1e-3 as text: write 1.0e-3"),
        ("name", 1, "1 is no str"),
        ("fast", 1, "1 is no bool"),
    ],
)
def test_a_wrong_name_or_type_is_refused_with_place_and_cure(notebook, name, value, words):
    with pytest.raises(ParameterError, match="here: 01_example") as error:
        resolve([notebook], {"01_example": {name: value}}, {}, "here")
    assert words in str(error.value)


def test_an_unknown_notebook_is_refused(notebook):
    with pytest.raises(ParameterError, match="did you mean '01_example'"):
        resolve([notebook], {"01_exampel": {"seed": 1}}, {}, "here")


def test_common_parameters_reach_those_who_declare_them(notebook):
    assert resolve([notebook], {}, {"seed": 7, "device": "cpu"}, "here") == {"01_example": {"seed": 7}}


@pytest.mark.parametrize("value", ["@x", "{", "[a"])
def test_a_value_that_cannot_be_read_is_refused(value):
    with pytest.raises(ParameterError, match=r"--set 01_data.data=.*: .* is no value; put text with signs"):
        parse_setting(f"01_data.data={value}")


def test_copies_of_notebooks_are_none(tmp_path, monkeypatch):
    monkeypatch.setattr("bowerbird.runs.parameters.project_root", lambda: tmp_path)
    (tmp_path / "notebooks").mkdir()
    for name in ("01_data", "07b_new_items", "01_data-Copy1", "01_data (2)", "Untitled"):
        (tmp_path / "notebooks" / f"{name}.ipynb").touch()
    assert [path.stem for path in notebook_paths()] == ["01_data", "07b_new_items"]


def test_settings_of_the_command_line():
    assert parse_setting("05_sbo_lstm.epochs=20") == ("05_sbo_lstm", "epochs", 20)
    for wrong in ("epochs=20", "05_sbo_lstm.epochs", "05_sbo_lstm.=3"):
        with pytest.raises(ParameterError, match=r"NOTEBOOK\.PARAMETER=VALUE"):
            parse_setting(wrong)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_fits_the_notebooks_and_holds_only_what_differs(profile):
    changes = load_profile(profile)
    resolved = resolve(notebook_paths(), changes, {}, profile)
    for path in notebook_paths():
        known = declared(path)
        for name, value in resolved[path.stem].items():
            assert repr(value) != known[name]["default"], f"{profile}: {path.stem}.{name} is the default"


def test_an_unknown_profile_is_refused():
    with pytest.raises(ParameterError, match="choose smoke, demo, full"):
        load_profile("quick")
