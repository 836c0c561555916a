"""Where and with what something was made: machine, versions, commit."""

import importlib.metadata
import os
import platform
import subprocess

from bowerbird.runs.stage import project_root

PACKAGES = ("bowerbird", "numpy", "pandas", "scipy", "torch", "scikit-learn", "pywavelets", "matplotlib", "papermill")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that make the numbers."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def made_on() -> str:
    """The machine, the Python and the commit, in words."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"{machine}, commit {commit()}"


def commit() -> str:
    """The commit of the package, and whether files differ from it."""

    def git(*arguments) -> str:
        call = subprocess.run(["git", *arguments], cwd=project_root(), capture_output=True, text=True, check=False)
        return call.stdout.strip() if call.returncode == 0 else ""

    try:
        made_at, changed = git("rev-parse", "HEAD"), git("status", "--porcelain")
    except FileNotFoundError:
        return "unknown"
    return (made_at or "unknown") + (" with uncommitted changes" if changed else "")
