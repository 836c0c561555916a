"""The Satin Bowerbird Optimizer (eqs 18-24), and what it is worth.

`optimizer` is the search in its readings, `space` says what can be searched, `checkpoint` lets an interrupted search go
on. `study` sets it beside other searches, on `benchmark_functions` and on the network's own loss.
"""

from bowerbird.sbo.optimizer import (
    VARIANTS,
    Choice,
    Float,
    Integer,
    Result,
    Space,
    chances,
    first_bowers,
    minimize,
    next_bowers,
)

__all__ = [
    "VARIANTS",
    "Choice",
    "Float",
    "Integer",
    "Result",
    "Space",
    "chances",
    "first_bowers",
    "minimize",
    "next_bowers",
]
