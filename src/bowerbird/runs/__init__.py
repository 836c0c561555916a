"""A run: the notebooks executed one after another into a folder.

`stage` is a notebook's view of the folder and the record of what it read and wrote, `runner` executes the notebooks
that are not up to date, `kernel` is their environment, `pages` makes index.html and the notebooks' pages,
`report` copies what is worth keeping to reports/, `lesson` shows the package's code in a page.
"""

from bowerbird.runs.lesson import show_code
from bowerbird.runs.stage import Stage, project_root, read_tables, run_folder

__all__ = ["Stage", "project_root", "read_tables", "run_folder", "show_code"]
