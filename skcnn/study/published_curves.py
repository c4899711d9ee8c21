"""What the paper of 2014 measured on MNIST, read off its curves: for drawing beside new figures.

F. Bastani and Z. Wang, "Convolutional Neural Networks for Classifying Handwritten Digits", 2014.
Read off Figs. 10 and 11 to about 3 percent of the axis. The paper trained on shares of MNIST's
60,000 training images and tested on its 10,000 test images.
"""

from __future__ import annotations

# Test error in percent by share of the training images in percent.
HOG_SVM_TEST_ERROR = {  # Fig. 10
    5: 18.7,
    10: 16.1,
    20: 10.9,
    30: 7.8,
    40: 7.5,
    50: 6.8,
    60: 6.0,
    70: 5.8,
    80: 5.6,
    90: 5.4,
    100: 5.35,
}
CNN_TEST_ERROR = {  # Fig. 11
    10: 3.53,
    20: 3.01,
    30: 2.00,
    40: 2.83,
    50: 3.28,
    60: 2.86,
    70: 1.90,
    80: 2.16,
    90: 1.73,
    100: 2.25,
}
SOURCE = "Bastani and Wang (2014), Figs. 10 and 11"
