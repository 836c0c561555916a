"""A checksum of code changes with what the code does, and with nothing else."""

import ast

import pytest

from bowerbird.runs import project_root
from bowerbird.runs.code import FORECASTERS, code_digest, forecasters_digest

CODE = 'def double(x):\n    """Twice."""\n    return 2 * x\n'


@pytest.mark.parametrize(
    "same",
    [CODE.replace("Twice", "Two times"), CODE.replace("2 * x", "(2 * x)  # twice"), '"""A module."""\n\n' + CODE],
)
def test_words_and_layout_change_nothing(same):
    assert code_digest(same) == code_digest(CODE)


@pytest.mark.parametrize("other", [CODE.replace("2", "3"), CODE.replace("double", "twice"), CODE + "double(1)\n"])
def test_code_changes_it(other):
    assert code_digest(other) != code_digest(CODE)


def test_all_that_forecasters_import_counts():
    root = project_root() / "src" / "bowerbird"
    modules = {path for place in FORECASTERS for path in root.glob(place)}
    imported = set()
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "bowerbird":
                base = root.joinpath(*node.module.split(".")[1:])
                found = [base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)]
                imported |= {
                    path.relative_to(root).as_posix() for path in found if path.is_file() and path not in modules
                }
    # What says where work is done, what is wrong, what is kept, what is asked or how it is searched makes no forecast
    others = {"cluster.py", "device.py", "errors.py", "files.py", "library.py"}
    assert {name for name in imported - others if not name.startswith(("runs/", "sbo/"))} == set()


def test_every_place_of_forecasters_is_there():
    for place in FORECASTERS:
        assert list((project_root() / "src" / "bowerbird").glob(place)), place
    assert len(forecasters_digest()) == 64
