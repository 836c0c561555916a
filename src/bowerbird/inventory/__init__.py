"""From a forecast to replenishment orders.

Read `demand` (uncertain demand, the newsvendor), `policy` (when to order and how much), `calibration` (levels that
cover as much demand as promised), `lost_sales` (an order from live stock), `simulate` (days of stock, their service
and cost), then `plan` (the contest's table).

Notation, the same in every module: on-hand stock, position (on hand + on order - backorders), reorder point [s],
order-up-to level [S], lead time [LT], review period [NRT], holding cost [h], shortage cost [p], cost of an order [K].
Arguments that are NaN, masked, out of range or of a wrong shape raise a ParameterError that names them.
An order is placed when the position is *below* s; textbooks that order at or below s have an s one less.
"""
