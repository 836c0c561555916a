"""What is there to see in each figure of a run? One sentence a figure, true of any data, for the run's page."""

CAPTIONS = {
    # 01 data
    "data_overview": "Demand swings with the seasons and is spread over series by orders of magnitude; most days of "
    "most series sell few units or none.",
    "data_cleaning": "The days each outlier rule would change: mostly true sales at their peaks.",
    # 02 DM clustering
    "dm_one_curve": "A polynomial of low degree follows the season's swell and nothing shorter.",
    "dm_responsibilities": "Rows are series: EM begins with every series shared out and ends with nearly every one in "
    "a single cluster.",
    "dm_likelihood": "The likelihood rises at every step of EM, towards a maximum that depends on the start.",
    "dm_mean_curves": "The clusters come in order of level; the band is one standard deviation, grey are some members.",
    "dm_number_of_clusters": "Where a line is lowest its criterion would stop; a line that goes on falling names no "
    "number of clusters.",
    "code_slices": "Product codes of each as-run cluster: where they lie side by side, clusters are slices of a list.",
    "as_run_starts": "Blind starts of K-means: few end near the printed frequencies (low); left of the line are those "
    "with a lower inertia.",
    # 03 denoising
    "denoising_filters": "A filter takes out peaks and noise alike; what is left is far easier to predict than demand.",
    "denoising_leak": "Change only the days after the line: a filter run over the whole series changes days before it, "
    "a causal one does not.",
    # 04 SBO, 05 its use
    "sbo_bowers": "Bowers (dots) gather about the elite (star) as generations pass.",
    "sbo_convergence": "Lower and further left is better: the best value found so far by every search.",
    "sbo_win_rates": "Right of the middle line SBO ends below the other method more often than not; where the bar "
    "crosses the line, nothing can be told.",
    "sbo_lstm": "The same searches on the LSTM's own validation error.",
    "sbo_tuning": "Every network that SBO trained, and the best so far; left of the dotted line are starting "
    "points, which no move of SBO has touched.",
    "forecast_fans": "Median and 80 % interval of held-out days with the demand that came.",
    "calibration": "A forecast whose quantiles hold what they promise lies on the diagonal.",
    # 06 Table 3
    "table_3": "Each protocol against its own target and against demand; the line is the paper's figure.",
    "table_3_widths": "Full lines rise past the paper's figure as the filter gets wider, whether or not it sees later "
    "days; against demand (faint) none does. Circles attain it in train and test, at a width solved for.",
    # 07 forecast, 07b new items and 618
    "ladder": "Every method with its 95 % interval: neighbours overlap, so ranks near each other mean little.",
    "ladder_differences": "Paired differences: an interval that does not touch zero is a real lead.",
    "levels": "Accuracy from single series to the total: single errors cancel in sums, a bias (right) does not.",
    "levels_reconciled": "What making forecasts agree between levels adds at each level.",
    "forecast_final": "The forecast that is handed out: median, 80 % interval, and the days before.",
    "new_items_scores": "How well each method forecasts items with hardly any past; the best is on top.",
    "promotion_lifts": "Lifts of single series scatter widely (grey); shrunk, they are drawn towards their group's.",
    "promotion_618": "What the promotion may bring: one line an assumption about its course.",
    # 08 inventory, 09 planning
    "sawtooth": "Stock falls with demand, drops below s, and an order lifts it towards S a lead time later; crosses "
    "are empty shelves.",
    "cost_of_service": "Lower is better: the stock each forecaster needs for a fill rate.",
    "planning_order_quantity": "The cost is flat about its least, and a discount is taken only where its curve dips "
    "below.",
    "planning_newsvendor": "Skewed demand asks for another level than a normal of like mean and spread; the difference "
    "costs.",
    "planning_exact_levels": "Between s and S the one-period cost lies below the best average cost; many pairs come "
    "near the best.",
    "planning_lot_sizes": "Each plan's orders and the stock they leave: few large lots, or many small ones.",
    "planning_near_the_end": "Far from the end the levels are the long run's; near it they fall.",
    "planning_shared_capacity": "Orders are brought forward to where the truck has room; bound and plan close in on "
    "the least cost.",
    "planning_budget": "What each rule makes of the same money; the dynamic program (crosses) is the exact answer.",
    "planning_network": "Cost of the same network planned in different ways, and how orders swing more upstream.",
    "planning_prices": "The fewer units and the more time left, the higher the price.",
    "planning_markdown": "When to step down the ladder of prices, and what becomes of the last units.",
    "planning_alerts": "An alert comes where demand, or the sum of its surprises (below), leaves what was expected.",
    "planning_learning": "A rule learnt from simulated seasons comes near the exact optimum.",
    # 10 daily operation
    "daily_updates": "What a morning's update is worth, and what is added by fine-tuning once a week.",
    "daily_seconds": "Where the seconds of a day's run go; stars are days of fine-tuning.",
}
"""Name of a figure, as notebooks save it -> what to see."""
