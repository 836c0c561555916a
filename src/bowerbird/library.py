"""Optional libraries: imported when first used."""

import importlib
from types import ModuleType

from bowerbird.errors import ParameterError


def require(name: str) -> ModuleType:
    """Import a module of the optional extra `[baselines]`, or say how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise ParameterError(
            f"this forecaster needs {package}, which is not installed; run pip install 'bowerbird[baselines]'"
        ) from error
