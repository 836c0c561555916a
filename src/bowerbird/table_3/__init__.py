"""Table 3: under which protocols do scores near 0.945 appear, and what do they say of demand?"""
