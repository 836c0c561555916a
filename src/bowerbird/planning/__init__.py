"""The inventory algorithms that the companion articles name, one family a module.

`rules` (periodic and dynamic replenishment, RIO) · `lot_sizing` (CIMS, MINCOST) · `service` (MAXSERV) · `network`
(SCOLLAB) · `finite_horizon` (dynamic programming) · `pricing` (dynamic prices, markdowns, transfers) · `price_response`
(elasticities) · `alerts` · `learned` (MLIO).
"""
