"""What the paper and its companions print, the slips in them, and what each document asks for."""

from bowerbird.paper.printed import PAPER, Printed

__all__ = ["PAPER", "Printed"]
