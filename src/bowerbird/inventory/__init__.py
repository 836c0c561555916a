"""From forecast to replenishment: the contest's periodic-review (s, S) problem.

newsvendor (how high a level) -> policy (s and S for each day) -> simulate (walk them through demand) -> measures
(service, turnover, cost; the prices assumed in costs) -> plan (the table to hand in).

Notation, the same in every module: on-hand stock, position (on hand + on order - backorders), reorder point [s],
order-up-to level [S], lead time [LT], review period [NRT], holding cost [h], shortage cost [p], cost of an order [K].
"""
