"""What one notebook needs and no other: its loops over seeds, comparisons and figures, one module a notebook."""
