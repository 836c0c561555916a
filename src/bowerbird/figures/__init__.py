"""The notebooks' figures: each function takes results and returns a matplotlib Figure; nothing is computed here."""
