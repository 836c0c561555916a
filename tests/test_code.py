"""A checksum of code changes with what the code does, and with nothing else."""

import pytest

from bowerbird import code
from bowerbird.code import code_digest, forecasters_digest

CODE = 'def double(x):\n    """Twice."""\n    return 2 * x\n'


@pytest.mark.parametrize(
    "same",
    [CODE.replace("Twice", "Two times"), CODE.replace("2 * x", "(2 * x)  # twice"), '"""A module."""\n\n' + CODE],
)
def test_words_and_layout_change_nothing(same):
    assert code_digest([same]) == code_digest([CODE])


@pytest.mark.parametrize("other", [CODE.replace("2", "3"), CODE.replace("double", "twice"), CODE + "double(1)\n"])
def test_code_changes_it(other):
    assert code_digest([other]) != code_digest([CODE])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of four modules: `top` imports `middle`, inside a function, and that imports `bottom`."""
    home = tmp_path / "bowerbird"
    home.mkdir()
    (home / "__init__.py").write_text("")
    (home / "top.py").write_text("def run():\n    from bowerbird.middle import f\n    return f()\n")
    (home / "middle.py").write_text("from bowerbird import bottom\n\n\ndef f():\n    return bottom.VALUE\n")
    (home / "bottom.py").write_text("VALUE = 1\n")
    (home / "beside.py").write_text("VALUE = 1\n")
    monkeypatch.setattr(code, "ROOT", tmp_path)
    code._module.cache_clear()
    yield home
    code._module.cache_clear()


@pytest.mark.parametrize(
    ("name", "text", "changes"),
    [
        ("bottom.py", "VALUE = 2\n", True),
        ("__init__.py", "VALUE = 2\n", True),
        ("bottom.yaml", "value: 2\n", True),
        ("bottom.html", "<p>2</p>\n", True),
        ("bottom.py", '"""The bottom."""\n\nVALUE = 1  # one\n', False),
        ("beside.py", "VALUE = 2\n", False),
    ],
)
def test_what_is_imported_counts_however_far_below(package, name, text, changes):
    before = code_digest(["from bowerbird.top import run"])
    (package / name).write_text(text)
    code._module.cache_clear()
    assert (code_digest(["from bowerbird.top import run"]) != before) is changes


def test_the_code_that_forecasts_is_more_than_the_lists_of_methods():
    assert forecasters_digest() != code_digest([])
