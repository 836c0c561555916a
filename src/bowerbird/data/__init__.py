"""The data, from six files or one table to one panel of series and days.

`reader` opens files, reads the attachments and refuses what cannot be used; `cells` turns texts into labels, days and
numbers. `table` reads one table of sales, with `rules` for its gaps and returns; `groceries` is a year of sales that
anyone can install, and `source` opens whichever of these a run names. `panel` is the table of series and days, with the
calendar, scaling and aggregation. `cleaning` fills and cuts, `summary` says what the data hold, `twin` writes synthetic
attachments.
"""
