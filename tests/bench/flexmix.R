# Seconds that R's flexmix takes for an iteration of the same mixture; called by forecasting.py.
# Rscript flexmix.R curves.csv labels.csv degree iterations
suppressMessages(library(flexmix))
arguments <- commandArgs(TRUE)
curves <- as.matrix(read.csv(arguments[1], header = FALSE))
labels <- scan(arguments[2], quiet = TRUE)
iterations <- as.integer(arguments[4])
x <- seq(-1, 1, length.out = ncol(curves))
long <- data.frame(y = as.vector(t(curves)), x = rep(x, nrow(curves)), id = rep(seq_len(nrow(curves)), each = ncol(curves)))
formula <- as.formula(paste("y ~ poly(x,", arguments[3], ", raw = TRUE) | id"))
run <- function(n) {
  control <- list(iter.max = n, minprior = 0, tolerance = 0)
  start <- rep(labels, each = ncol(curves))
  system.time(flexmix(formula, data = long, k = max(labels), cluster = start, control = control))[["elapsed"]]
}
cat((run(2 + iterations) - run(2)) / iterations, "\n")  # what comes before the first iteration does not count
