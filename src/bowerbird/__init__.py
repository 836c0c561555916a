"""bowerbird: Meng, Zhao & Bi (2024) reproduced, from the attachments to a replenishment plan.

Begin with the four packages of the paper's title, over `data`: `dm` (clusters of demand curves, eqs 1-10), `forecaster`
(the LSTM, eqs 11-17), `sbo` (its settings found by the bowerbird optimizer, eqs 18-24), `inventory` (orders).

Beside them: `evaluation` (other forecasters), `contest` and `planning` (the companion articles), `table_3`, `paper` and
`verdict` (the printed numbers beside ours), `operation` (day by day), `runs` (notebooks executed) and `studies` (what
one notebook needs). Imports point down only; the layers stand in pyproject.toml.
"""

__version__ = "0.1.0"
