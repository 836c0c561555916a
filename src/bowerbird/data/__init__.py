"""The data, from six files to one panel of series and days.

`attachments` reads and refuses (`files` finds and parses, `schema` says what each must hold), `merge` joins them into a
`panel`, `cleaning` and `scaling` change one, `calendar` knows the days ahead, `summary` describes a folder. `twin`
writes the synthetic twin, of `twin_structure` and `twin_demand`.
"""
