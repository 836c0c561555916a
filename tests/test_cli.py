"""The command line as a user meets it: help, the twin, a check, and errors without tracebacks."""

import subprocess
import sys

import pytest

from bowerbird.__main__ import main


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["bowerbird", *arguments])
    main()


def test_help_lists_the_commands():
    shown = subprocess.run([sys.executable, "-m", "bowerbird", "--help"], capture_output=True, text=True, check=True)
    for command in ("reproduce", "twin", "check", "report"):
        assert command in shown.stdout


def test_twin_then_check(monkeypatch, capsys, tmp_path):
    call(monkeypatch, "twin", "--out", str(tmp_path / "twin"), "--series", "20", "--seed", "1")
    call(monkeypatch, "check", str(tmp_path / "twin"))
    shown = capsys.readouterr().out
    assert "附件1" in shown and "20" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("reproduce", "--data", "/no/such/folder"), "no such folder"),
        (("reproduce", "--profile", "quick"), "choose smoke, demo, full"),
        (("reproduce", "--set", "06_sbo_lstm.member=3"), "did you mean 'members'"),
        (("report", "/no/such/run"), "no finished run"),
        (("reproduse",), "No such command"),
    ],
)
def test_a_mistake_is_one_message_and_exit_2(monkeypatch, capsys, arguments, words):
    with pytest.raises(SystemExit) as stop:
        call(monkeypatch, *arguments)
    shown = capsys.readouterr().err
    assert stop.value.code == 2 and words in shown and "Traceback" not in shown
