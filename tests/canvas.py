"""Draws a figure as a page would, to see whether all of it fits."""

from matplotlib.backends.backend_agg import FigureCanvasAgg


def assert_whole(figure) -> None:
    """No text or mark lies outside the figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    box = figure.get_tightbbox(canvas.get_renderer())
    width, height = figure.get_size_inches()
    assert box.x0 >= -0.02 and box.y0 >= -0.02 and box.x1 <= width + 0.02 and box.y1 <= height + 0.02, "cut off"
