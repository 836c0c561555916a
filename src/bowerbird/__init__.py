"""bowerbird: Meng, Zhao & Bi (2024) reproduced, from the attachments to a replenishment plan.

Data flows one way: attachments -> panel (`data`) -> clusters (`dm`), filtered series (`denoise`) -> network
(`forecaster`), its settings found by `sbo` -> forecasts beside others (`ladder`, `baselines`, `contest`) -> orders
(`inventory`, day by day in `operation`) -> the paper's numbers beside ours (`table_3`, `paper`). `runs` executes the
notebooks, `figures` draws for them.
"""

__version__ = "0.1.0"
