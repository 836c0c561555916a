"""The Satin Bowerbird Optimizer (eqs 18-24): spaces, the search and its checkpoint stand in `optimizer`."""

from bowerbird.sbo.optimizer import (
    VARIANTS,
    Choice,
    Float,
    Integer,
    Result,
    Space,
    Variant,
    chances,
    decode,
    first_bowers,
    limits,
    minimize,
    next_bowers,
    one_by_one,
    spread,
)

__all__ = [
    "VARIANTS",
    "Choice",
    "Float",
    "Integer",
    "Result",
    "Space",
    "Variant",
    "chances",
    "decode",
    "first_bowers",
    "limits",
    "minimize",
    "next_bowers",
    "one_by_one",
    "spread",
]
