"""From forecast to replenishment: which question is answered where.

The contest's plan   newsvendor (how high a level) -> policy (s and S for each day) -> simulate (walk them through
                     demand) -> measures, scorecard (service, turnover, cost; prices assumed in costs) -> plan
Demand               demand (probabilities of whole units), demand_paths and monte_carlo (many sampled paths)
How much?            economic_order (EOQ and its kin), newsvendor, safety_stock, replenishment_rules (the documents')
When?                reorder_quantity (r, Q), exact_levels (s, S), dynamic_lot_size (known demand), finite_horizon
For whom?            lot_sizing* (MINCOST: shared capacity), lost_sales_lot_size, budgeted_service (MAXSERV),
                     network* (SCOLLAB), serial_system, guaranteed_service, base_stock_search, bullwhip
At what price?       pricing, markdown_pricing, transfer (between warehouses; keep, move or clear)
What is wrong?       demand_watch, alerts, alerts_study
Studies              forecast_worth (what a forecast saves in stock), planning_study
Learnt               learned_policy (by gradient), searched_levels (by SBO)

Arguments are looked at by `checks`.

Notation, the same in every module: on-hand stock, position (on hand + on order - backorders), reorder point [s],
order-up-to level [S], lead time [LT], review period [NRT], holding cost [h], shortage cost [p], cost of an order [K].
An order is placed when the position is *below* s; textbooks that order at or below s have an s one less.
"""
