"""The data, from six files or one table to one panel of series and days.

`reader` reads the attachments and refuses what cannot be used, `table` reads one table of sales in the same spirit,
`groceries` a year of sales that anyone can install, and `source` whichever of these a run names. `panel` is the table
of series and days, with the calendar, scaling and aggregation. `cleaning` fills and cuts, `summary` says what the data
hold, `twin` writes a synthetic folder of attachments.
"""
