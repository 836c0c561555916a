"""bowerbird: Meng, Zhao & Bi (2024) reproduced, from the attachments to a replenishment plan.

Data flows one way: attachments -> panel -> clusters, denoised series -> windows -> model -> forecast -> policy ->
report.
"""

__version__ = "0.1.0"
