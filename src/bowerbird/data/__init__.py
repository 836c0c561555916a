"""The data, from six files to one panel of series and days.

`reader` reads the attachments and refuses what cannot be used. `panel` joins them into one table of series and days,
and holds the calendar, scaling and aggregation. `cleaning` fills and cuts, `summary` describes a folder, `twin` writes
a synthetic folder of the same shape.
"""
