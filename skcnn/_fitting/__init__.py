"""What `fit` and `partial_fit` do, from the parameters of the estimator to the trained network.

They work on a copy of the estimator, which the modules call `work`. It has the parameters, the
fitted attributes that the docstring of the estimator describes, and these:

_state : TrainingState
    Of the optimizer and the random generator, for the next `partial_fit`.
_statistics : ChannelStatistics
    Of all images so far, whose mean and deviation `mean_` and `scale_` are with ``standardize``.
_target_statistics : ChannelStatistics
    Of all targets of a regressor, in place of channels.
_split : Split or None
    Which images early stopping has set aside, for a warm start.
_n_pretrained : int
    Layers that started from pretrained filters, those of their blocks included.
_form : tuple of int
    Shape of an image in X: (pixels,), (h, w) or (h, w, channels).
_dtype_name : str
    Of X in `fit`.
_head : {"softmax", "sigmoid", "multilabel"}
    Of a classifier: how probabilities follow from the outputs of the network; "multilabel" if y was
    an indicator matrix.
_is_1d : bool
    Of a regressor: whether y had the shape (n,).
_unfinished : UnfinishedFit
    Only in the copies that callbacks receive after an epoch.
"""
