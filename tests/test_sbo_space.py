"""Coordinates become candidates: real, logarithmic, whole and categorical."""

import math
import threading
from functools import partial

import numpy as np
import pytest

from bowerbird.errors import ParameterError
from bowerbird.sbo.space import Choice, Float, Integer, check_space, decode, identities, lasting_name, limits


def test_dimensions_map_their_coordinates():
    assert Integer(2, 4).decode(np.array([1.5, 2.49, 2.5, 3.4999, 3.5, 4.5])) == [2, 2, 3, 3, 4, 4]
    assert Choice("abc").decode(np.array([0, 0.99, 1, 2.99, 3.0])) == list("aabcc")
    assert Float(2, 3).decode(np.array([2.25])) == [2.25]
    log = Float(0.001, 10, log=True)
    assert log.decode(np.array([sum(log.bounds) / 2])) == pytest.approx([0.1])
    assert log.decode(np.array(log.bounds)) == pytest.approx([0.001, 10])
    assert max(Float(1e-5, 0.1, log=True).decode(np.full(3, np.log(0.1)))) <= 0.1


def test_values_are_plain_python_numbers():
    values = [d.decode(np.array([1.2]))[0] for d in (Float(0, 9), Integer(0, 9), Choice((None, (64, 32), "c")))]
    assert [type(value) for value in values] == [float, int, tuple]


def test_limits_and_candidates_of_a_space():
    space = {"rate": Float(0, 2), "size": Integer(1, 4), "kind": Choice("xy")}
    low, high = limits(space)
    assert low.tolist() == [0, 0.5, 0] and high.tolist() == [2, 4.5, 2]
    found = decode(space, np.array([[0.5, 0.6, 0.1], [1.5, 4.4, 1.9]]))
    assert found == [{"rate": 0.5, "size": 1, "kind": "x"}, {"rate": 1.5, "size": 4, "kind": "y"}]


def test_what_makes_two_candidates_the_same():
    space = {"size": Integer(1, 4), "share": Choice((1, 1.0, True, [64, 32]))}  # lists have no hash
    candidates = decode(space, np.array([[1.0, 0.5], [1.3, 0.1], [1.0, 1.5], [1.0, 2.5], [2.0, 0.5], [1.0, 3.5]]))
    first, same, *others = identities(space, candidates)
    assert first == same and len({first, *others}) == 5
    assert identities({"size": Integer(1, 4)}, [{"size": 2}, {"size": 2}]) == [(2,), (2,)]


def test_lasting_names_hold_no_address():
    assert lasting_name(decode) == "bowerbird.sbo.space.decode"
    assert lasting_name([math.tanh, partial(limits, 3)]) == "[math.tanh, partial(bowerbird.sbo.space.limits, 3, {})]"
    assert lasting_name({"b", "a"}) == "set([\"'a'\", \"'b'\"])"
    plain = Choice((1, 1.0, True, None, "x", [64, (32,)], {"a": ()}))
    assert lasting_name(plain) == repr(plain) and lasting_name(Float(0, 1)) == repr(Float(0, 1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Float(1, 1), "low < high"),
        (lambda: Float(0, np.inf), "finite"),
        (lambda: Float(-1e308, 1e308), "finite"),
        (lambda: Float("a", 1), "finite"),
        (lambda: Float(0, 1, log=True), "low > 0"),
        (lambda: Integer(3, 2), "low <= high"),
        (lambda: Integer(1, 2.5), "whole numbers"),
        (lambda: Integer(1, np.inf), "whole numbers"),
        (lambda: Integer(1, 10**300), r"within \+-2\*\*53"),
        (lambda: Choice(3), "Choice: values is 3"),
        (lambda: check_space([Float(0, 1)]), "space is "),
        (lambda: check_space({"lock": Choice([threading.Lock()])}), r"space\['lock'\] holds what cannot be copied"),
        (lambda: lasting_name(Choice([lambda x: x])), "holds <function .*a checkpoint cannot name"),
        (lambda: lasting_name([object()]), "a checkpoint cannot name"),
        (lambda: Choice([]), "at least one"),
        (lambda: check_space({}), "space is {}"),
        (lambda: check_space({"rate": (0, 1)}), r"space\['rate'\] is \(0, 1\)"),
        (lambda: check_space({"best": Float(0, 1)}, ("best",)), "column of the history"),
    ],
)
def test_errors_name_the_cure(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
