"""What `fit` and `partial_fit` do, from the parameters of the estimator to the trained network."""
