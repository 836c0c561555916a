"""Daily operation: days arrive one by one as files, and forecasts, levels, orders and alerts follow without retraining.

`delivery` reads a day's file, `intake` decides what becomes of it, `store` keeps the days, `day` does the steps of a
day in turn: forecast, order, alert, and `page` for the reader. `overrides` keeps what a person decides. `command` is
what `bowerbird daily` and `override` run, `pseudonyms` replaces ids.
"""
