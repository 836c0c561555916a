"""A checksum of code changes with what the code does, and with nothing else."""

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


def test_every_place_of_forecasters_is_there():
    for place in FORECASTERS:
        assert list((project_root() / "src" / "bowerbird").glob(place)), place
    assert len(forecasters_digest()) == 64
