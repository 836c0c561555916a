"""The global forecaster: one recurrent network for all series, a forecast at every day of every series in one pass.

Read in this order: `lstm` (eqs 11-17, the settings, the network), `level` and `inputs` (what it reads), `training`
(fit, predict, update, save, load), `forecast` (the distribution that results), `tuning` (settings found by SBO).
`population` trains many networks at once. Import from these modules: `level` and `forecast` do without torch, whose
import takes a second.
"""
