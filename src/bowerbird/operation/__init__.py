"""Daily operation: days arrive one by one as files, and forecasts, levels, orders and alerts follow without retraining.

`delivery` reads a day's file, `intake` says what becomes of it, `store` keeps the days, `day` does what is due once a
day is known: `forecasts` moves `states` and `network_state` on, `stock` books and orders, `daily_alerts` warns,
`daily_page` tells; `command` is what `bowerbird daily` runs. `rules` are what can be chosen, `pseudonyms` hides who is
who, `from_run` makes a store of a run, `update_study` measures what updating is worth and `timing` what a day costs.
"""
