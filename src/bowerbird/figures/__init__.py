"""The notebooks' figures: each function takes results and returns a matplotlib Figure; nothing is computed here.

A module a notebook or subject; `style` has the look they share, `captions` a sentence on what to see in each,
`interactive` the sliders of notebooks 02, 04 and 08.
"""
