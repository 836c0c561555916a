"""Table 3: protocols that could have given its scores, and what their scores say."""
