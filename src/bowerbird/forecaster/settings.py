"""What can be chosen about the forecaster."""

from dataclasses import dataclass

from bowerbird.errors import ParameterError

CELLS = ("lstm", "gru", "rnn", "transformer")


@dataclass(frozen=True)
class Settings:
    """What can be chosen about the forecaster; the paper names none of it.

    Attributes
    ----------
    cell : {"lstm", "gru", "rnn", "transformer"}
        What reads the days; the documents name all four, the paper the LSTM.
    hidden_size, layers : int
        Its width and depth.
    learning_rate, dropout : float
    epochs, batch_size : int
        Passes over the series; series a step.
    point_weight : float
        Weight of the point forecast's error beside the likelihood.
    point_quantile : float in (0, 1)
        Quantile the point forecast aims at; 0.5, the median, is best in absolute error and too low in sum.
    volume_weight : float in [0, 1]
        Power of a series' level that its error weighs with: 1 counts units, as 1 - WMAPE does, and lets a few large
        series decide; 0 counts every series alike.
    clusters : int
        DM clusters whose posteriors, curve and level are inputs [K]; 0 leaves them out.
    context : bool
        Read how the other series of the same product, seller, category and warehouse move.
    embedding : int
        Width of the embedding of each static attribute; 0 leaves them out.
    skip_festival : bool
        Leave origins about the Spring Festival out of the training: nothing like it follows within the year.
    zero_inflation : bool
        Let a day sell nothing more often than a negative binomial of its mean would: out of stock, or not ordered.
    horizon : int
        Days ahead.
    warm_up : int
        Days that only warm the state up; forecasts are trained from the next day on.
    members : int
        Networks trained with different seeds and averaged.
    """

    cell: str = "lstm"
    hidden_size: int = 24
    layers: int = 1
    learning_rate: float = 5e-3
    dropout: float = 0.1
    epochs: int = 6
    batch_size: int = 64
    point_weight: float = 1.0
    point_quantile: float = 0.55
    volume_weight: float = 0.5
    clusters: int = 0
    context: bool = True
    embedding: int = 0
    skip_festival: bool = True
    zero_inflation: bool = True
    horizon: int = 15
    warm_up: int = 28
    members: int = 1

    def __post_init__(self):
        if self.cell not in CELLS:
            raise ParameterError(f"cell is {self.cell!r}; choose one of {', '.join(CELLS)}")
        if not 0 < self.point_quantile < 1:
            raise ParameterError(f"point_quantile is {self.point_quantile}; give a number between 0 and 1")
        for name in ("hidden_size", "layers", "epochs", "batch_size", "horizon", "warm_up", "members"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name} is {getattr(self, name)}; give at least 1")
