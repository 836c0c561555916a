"""Questions 2 and 3 of the contest the data come from: items new on the market, and the days of a promotion.

`new_items` forecasts the first by `analogues` among old series; `promotion` carries over what 11-11 did, `shrinkage`
believes each item's own uplift as far as its noise allows, `promotion_study` measures both.
"""
