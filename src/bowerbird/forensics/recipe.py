"""The recipe of a twin paper: every choice between the data and the tables it prints."""

from dataclasses import asdict, dataclass, replace

import numpy as np

from bowerbird.dm.as_run import NUMBERINGS, PRINTED_COLUMNS, RECORD_COLUMNS
from bowerbird.seeds import stream
from bowerbird.table_3.experiment import design
from bowerbird.table_3.protocols import Protocol
from bowerbird.table_3.scores import CLASS_DEFINITIONS, NORMALIZATIONS

COLUMNS = {
    "all twelve": RECORD_COLUMNS,
    "without category3": (*PRINTED_COLUMNS, "qty"),
    "without qty": (*PRINTED_COLUMNS, "category3"),
    "the ten printed": PRINTED_COLUMNS,
}
"""The columns that may have gone into K-means; Table 2 prints ten of them."""

DEFAULT_STOP, FULL_STOP = "scikit-learn's default", "until nothing moves"
STOPS = {DEFAULT_STOP: 1e-4, FULL_STOP: 0.0}  # -> tolerance of K-means

SMOOTHING_DAYS, CAUSAL_DAYS = (0.6, 8.0), (1.0, 60.0)
"""Least and most width of a filter that a recipe draws: over whole series, and over past days."""

PROTOCOLS = design(
    sigmas=(0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0),
    other_sigmas=(0.5, 1.0, 2.0, 4.0, 10.0),
    causal_widths=(1.0, 3.0, 10.0, 30.0, 90.0),
)
"""The protocols between which the forensics of Table 3 decides; a recipe draws one of their families."""


@dataclass(frozen=True)
class Recipe:
    """How a twin paper was made."""

    doubled: bool  # whether the repeated warehouses were joined twice
    numbering: str  # one of as_run.NUMBERINGS
    columns: str  # one of COLUMNS
    scaled: bool  # whether the columns were scaled to variance 1
    random_state: int  # of the k-means++ start
    stop: str  # one of STOPS
    protocol: Protocol  # of Table 3
    against: str  # what its forecasts are scored against: "denoised", the smoothed series, or "raw" demand
    classes: str  # one of scores.CLASS_DEFINITIONS
    rmse: str  # one of scores.NORMALIZATIONS
    split_seed: int  # of randomly drawn test rows
    example: float  # where the series of Figure 1 stands among all, 0 to 1

    @classmethod
    def draw(cls, seed: int) -> "Recipe":
        """Draw every choice with equal chances; the filter first, and then a protocol that has it."""
        rng = stream(seed, "twin paper/recipe")

        def choose(options):
            options = list(options)
            return options[rng.integers(len(options))]

        families = list(dict.fromkeys(replace(protocol, width=float(protocol.width > 0)) for protocol in PROTOCOLS))
        kind = choose(dict.fromkeys(map(filter_family, families)))
        protocol = choose(protocol for protocol in families if filter_family(protocol) == kind)
        if protocol.width:
            low, high = CAUSAL_DAYS if protocol.when == "causal" else SMOOTHING_DAYS
            width = float(np.exp(rng.uniform(np.log(low), np.log(high))))
            width = max(2.0, float(round(width))) if protocol.kernel == "mean" else round(width, 2)
            protocol = replace(protocol, width=width)
        return cls(
            doubled=bool(rng.integers(2)),
            numbering=choose(NUMBERINGS),
            columns=choose(COLUMNS),
            scaled=bool(rng.integers(2)),
            random_state=int(rng.integers(1000)),
            stop=choose(STOPS),
            protocol=protocol,
            against=choose(protocol.targets),
            classes=choose(name for name in CLASS_DEFINITIONS if name != "within ±10 %"),  # that one has no recall
            rmse=choose(NORMALIZATIONS),
            split_seed=int(rng.integers(1000, 1000000)),
            example=float(rng.random()),
        )

    def to_dict(self) -> dict:
        """The recipe as it is sealed, in JSON."""
        return asdict(self)

    @classmethod
    def of(cls, sealed: dict) -> "Recipe":
        """The recipe that `to_dict` laid out."""
        return cls(**{**sealed, "protocol": Protocol(**sealed["protocol"])})

    def choices(self) -> dict:
        """The choices that the forensics looks for, by the names it gives them."""
        protocol = self.protocol
        return {
            "doubled rows": self.doubled,
            "numbering": self.numbering,
            "columns": self.columns,
            "scaling": self.scaled,
            "stop": self.stop,
            "filter": filter_family(protocol),
            "filtered": protocol.when if protocol.is_filtered else "–",
            "width": protocol.width,
            "split": protocol.split,
            "horizon": protocol.horizon_name,
            "model": protocol.model,
            "scored against": self.against,
            "classes": self.classes,
            "RMSE": self.rmse,
        }


def filter_family(protocol: Protocol) -> str:
    """The protocol's filter without its width."""
    return protocol.kind if protocol.width else protocol.filter_name
