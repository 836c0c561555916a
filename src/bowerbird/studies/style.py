"""One look for all figures: colour-blind-safe, readable on paper and screen."""

import os
from collections.abc import Callable

import matplotlib.pyplot as plt
import seaborn as sns
from IPython.display import display

IN_JUPYTER = "JPY_SESSION_NAME"  # set by a Jupyter server in the kernels that it starts for a reader
COLOURS = sns.color_palette("colorblind")
BLUE, ORANGE, GREEN, RED, PURPLE, BROWN, PINK, GREY, YELLOW, SKY = COLOURS
METHOD_COLOURS = {
    "SBO-LSTM": ORANGE, "SBO-LSTM, its own distribution": RED, "SES(.1)": BLUE, "mean 14": SKY, "median 21": GREEN,
    "seasonal naive 7": PURPLE, "LightGBM L1": BROWN, "mean of SBO-LSTM and SES(.1)": PINK,
    "mean 8 weeks": SKY, "median 13 weeks": GREEN, "seasonal naive 52 weeks": PURPLE,
}  # fmt: skip
"""The colour of a forecaster in every figure; others are grey."""


def new_figure(n_rows: int = 1, n_columns: int = 1, width: float = 7.2, height: float = 3.4, **options):
    """Figure and axes in the project's style; width and height in inches."""
    sns.set_theme(style="whitegrid", palette="colorblind", font_scale=0.85)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(width, height), layout="constrained", dpi=130, **options)
    plt.close(figure)  # the notebook shows what a cell returns, once
    return figure, axes


def format_days(axis) -> None:
    """Dates on the x axis, short and unrotated."""
    import matplotlib.dates as mdates

    locator = mdates.AutoDateLocator(minticks=3, maxticks=7)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))


def with_sliders(draw: Callable, **ranges: tuple[int, int, int]):
    """A view that draws the figure again when a slider, (value, low, high), is let go.

    Where nobody can move one, the figure is shown four times, with the first slider from low to high.
    """
    try:
        if IN_JUPYTER not in os.environ:
            raise ImportError  # papermill runs the notebook: a slider's messages can leave it waiting for its kernel
        from ipywidgets import IntSlider, interactive
    except ImportError:
        values = {name: value for name, (value, _, _) in ranges.items()}
        first, (_, low, high) = next(iter(ranges.items()))
        for value in sorted({low + round(k * (high - low) / 3) for k in range(4)}):
            display(draw(**(values | {first: value})))
        return None
    sliders = {
        name: IntSlider(value, low, high, description=name.replace("_", " "), continuous_update=False)
        for name, (value, low, high) in ranges.items()
    }
    return interactive(lambda **values: display(draw(**values)), **sliders)
