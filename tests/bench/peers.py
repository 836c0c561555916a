"""Peers that live in `.venv-peers`, an environment of their own (`make peers`), so as not to burden the project's."""

import json
import subprocess
from functools import cache
from pathlib import Path

from timing import NAN

PYTHON = Path(__file__).parents[2] / ".venv-peers" / "bin" / "python"


@cache
def _times(package: str) -> dict[str, float] | str:
    """What the package's function in peer_packages.py printed, or why it could not."""
    if not PYTHON.is_file():
        return "skipped, `make peers` installs it"
    script = str(Path(__file__).with_name("peer_packages.py"))
    done = subprocess.run([str(PYTHON), script, package], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"skipped, {done.stderr.strip().splitlines()[-1]}"
    return json.loads(done.stdout.splitlines()[-1])


def peer_seconds(package: str, what: str) -> tuple[str, float]:
    """The peer's name, or why it is missing, and its seconds for one of the things its function times."""
    times = _times(package)
    return (f"{package}: {times}", NAN) if isinstance(times, str) else (package, times[what])
