"""Questions 2 and 3 of the contest: `new_items` forecasts items with a short history, `promotion` the days of 618."""
