"""A run: notebooks executed one after another into a folder, and what is kept of it.

`pipeline` runs them, `kernel` is what they run in, `parameters` says with what, `folder` is what a notebook writes into
and how what it wrote is known again, `tables` reads a run again, `notebook_html` and `index_page` make its pages,
`code` tells which code made what lies ready to be used again, `kept` is what reports/ keeps.
"""

from bowerbird.runs.folder import IN_JUPYTER, RESULTS, Stage, project_root, run_folder

__all__ = ["IN_JUPYTER", "RESULTS", "Stage", "project_root", "run_folder"]
