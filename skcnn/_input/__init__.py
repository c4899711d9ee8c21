"""What users pass as X, y and weights: checks, and the arrays that the engine takes."""
