"""Training.

- `settings`: `StepSettings`, `EpochSettings`, `TrainingData`, `TrainingState`
- `loop`: epochs, the order of the images, the clock
- `trainer`: one step, with its tiles spread over threads
- `optimizer_step`, `blocks`: from the tiles' gradients to the next parameters
- `augmentation`: the check of what `augment` returns
- `optimizers`, `muon`, `schedules`, `losses`, `early_stopping`
"""
