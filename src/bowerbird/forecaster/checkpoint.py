"""Keeping a forecaster: weights that load without running any code, and everything else as JSON."""

import io
import json
import pickle
import zipfile
from dataclasses import asdict
from pathlib import Path

import torch

from bowerbird.dm import PolynomialRegressionMixture
from bowerbird.errors import BowerbirdError
from bowerbird.files import atomic_path
from bowerbird.forecaster.network import Network
from bowerbird.forecaster.settings import Settings
from bowerbird.forecaster.training import Forecaster

NOT_OURS = (
    OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, zipfile.BadZipFile,
    pickle.UnpicklingError,
)  # fmt: skip
"""What reading another file raises: a pickle that would run code (refused, not run), other weights, other settings."""


def save(forecaster: Forecaster, path: Path | str) -> Path:
    """Write a forecaster to one file, atomically."""
    about = {
        "settings": asdict(forecaster.settings),
        "codes": forecaster.codes,
        "losses": forecaster.losses,
        "mixture": None if forecaster.mixture is None else forecaster.mixture.to_dict(),
        "networks": len(forecaster.networks),
    }
    path = Path(path)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(zipfile.ZipInfo("forecaster.json"), json.dumps(about))  # no time of day: the same bytes
        for number, network in enumerate(forecaster.networks):
            weights = io.BytesIO()
            torch.save(network.state_dict(), weights)
            archive.writestr(zipfile.ZipInfo(f"network_{number}.pt"), weights.getvalue())
    return path


def load(path: Path | str, device: torch.device | str = "cpu") -> Forecaster:
    """Read what `save` wrote; only tensors and JSON are read, so that a file from elsewhere can run nothing.

    Raises
    ------
    BowerbirdError
        The file is missing, or no such checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read("forecaster.json"))
            weights = [
                torch.load(io.BytesIO(archive.read(f"network_{i}.pt")), map_location=device, weights_only=True)
                for i in range(about["networks"])
            ]
        settings = Settings(**about["settings"])
        networks = []
        for state in weights:
            network = Network(settings, [len(codes) for codes in about["codes"].values()]).to(device).eval()
            network.load_state_dict(state)
            networks.append(network)
        mixture = about["mixture"] and PolynomialRegressionMixture.from_dict(about["mixture"])
        losses = tuple(tuple(one) for one in about["losses"])
    except NOT_OURS as error:
        # torch would advise to read a pickle unsafely
        reason = (
            "more than weights in it" if isinstance(error, pickle.UnpicklingError) else str(error).partition("\n")[0]
        )
        raise BowerbirdError(
            f"{path} is no forecaster's checkpoint ({reason}); make one with forecaster.save"
        ) from error
    return Forecaster(settings, tuple(networks), about["codes"], mixture, losses, torch.device(device))
