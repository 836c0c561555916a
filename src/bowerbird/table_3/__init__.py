"""Table 3: under which protocols do scores near 0.945 appear, and what do they say of demand?

`protocols` makes the forecasts of any protocol, leak-free or not, `scores` scores them in the paper's measures, `study`
runs the experiment, `verdict` draws its conclusions; `prefix_denoising` asks what the filters are worth without a leak.
"""
