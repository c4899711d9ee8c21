"""Headings, introductions and captions of the report, one for each experiment."""

from __future__ import annotations

from typing import NamedTuple


class Caption(NamedTuple):
    """What the report says of an experiment besides its results; HTML."""

    name: str
    heading: str
    text: str
    figure: str


CAPTIONS = {
    "table2": Caption(
        "Table 2",
        "Hidden layers (Table 2)",
        "Fully connected layers between the pooling and the output, ten hours each.",
        "Test error by hidden layers.",
    ),
    "fig2": Caption(
        "Figs. 2 and 3",
        "Filter size (Figs. 2 and 3)",
        "Filters of 5 x 5 to 15 x 15 pixels, ten hours each. The paper explains the rise at large "
        "filters by overfitting; the training error in the middle shows whether it is.",
        "Error and time of an iteration against the filter size.",
    ),
    "fig4": Caption(
        "Figs. 4 and 5",
        "Number of filters (Figs. 4 and 5)",
        "8 to 256 filters, ten hours each. If many filters overfitted, the training error would "
        "fall where the test error rises.",
        "Error and time of an iteration against the number of filters.",
    ),
    "fig6": Caption(
        "Figs. 6 and 7",
        "Pooling regions (Figs. 6 and 7)",
        "The mean over 1 x 1 to 6 x 6 regions, as equal as possible, ten hours each. The paper's "
        "code needed regions that divide evenly.",
        "Error and time of an iteration against the pooling regions per side.",
    ),
    "sec5.5": Caption(
        "Section 5.5",
        "Sigmoid output, gradient descent (section 5.5)",
        "The output layer with a sigmoid for each class and squared error in place of softmax and "
        "cross-entropy; and five steps of gradient descent, each on all the training images.",
        "Test error by output layer and method.",
    ),
    "fig8": Caption(
        "Fig. 8",
        "Error over time (Fig. 8)",
        "The default network at every quarter of an hour of the paper's.",
        "Training and test error while training. One cycle brings its last gains at the end, when "
        "the rate comes down.",
    ),
    "fig9": Caption(
        "Fig. 9",
        "Filters (Fig. 9)",
        "The paper shows two filters of 13 x 13 pixels; here are all of them.",
        "All filters of the default network after ten hours' worth of iterations; blue weights are "
        "negative, red ones positive.",
    ),
    "heatmap1": Caption(
        "Section 5.6",
        "Pooling regions and filter size (section 5.6)",
        "Both at once, with 64 filters, three hours each. The paper's code took the nearest "
        "setting that divides evenly, so that neighbouring cells of its maps may be the same run; "
        "here each is its own.",
        "Training error (top) and test error (bottom) in percent.",
    ),
    "heatmap2": Caption(
        "Section 5.6",
        "Filter size and number of filters (section 5.6)",
        "Both at once, with 2 by 2 regions, three hours each. Values at the top of the paper's "
        "colour scale are clipped.",
        "Training error (top) and test error (bottom) in percent.",
    ),
    "fig10": Caption(
        "Figs. 10 and 11",
        "HOG and CNN by training data (Figs. 10 and 11)",
        "HOG and a support vector machine, and the network with ten hidden neurons, on 5 to 100 % "
        "of the training images; the networks see as many images each, whatever the share. The "
        "paper does not say which HOG of MATLAB's, nor which SVM; <b>as in 2014</b> stands for "
        "MATLAB's defaults (<code>extractHOGFeatures</code>: cells of 8 x 8 pixels, blocks of "
        "2 x 2 cells, 9 directions; a linear SVM with box constraint 1), which need not be what "
        "the paper used; <b>tuned</b> is "
        "<code>skcnn.make_hog_svc()</code>.",
        "Error against the share of the training images.",
    ),
    "fig11": Caption(
        "Fig. 11",
        "The CNN by training data (Fig. 11)",
        "The network with ten hidden neurons on 10 to 100 % of the training images; the figure "
        "is that of Fig. 10, where there is one.",
        "Error against the share of the training images.",
    ),
    "reasons": Caption(
        "Reasons",
        "Where the rerun differs",
        "What would bring it to the paper's numbers? Two guesses at what the paper may have done: "
        "the learning rate 5 / (50 + i) and the momentum 0.95 that stand in the last commit of its "
        "published code (its report says otherwise), and twice as many iterations. A column that "
        "comes to the paper's number shows that such training explains it, not that it was so. "
        "That commit also sums the filters' gradient over the mini-batch in place of averaging it, "
        "and leaves their bias as it is; this is not tried here.",
        "Test error by network.",
    ),
}
