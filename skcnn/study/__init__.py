"""What measures skcnn and writes reports; the library itself imports nothing from here.

`skcnn.study.comparison` compares a CNN with HOG + SVC, `skcnn.study.paper2014` reruns a paper.
They import the modules of this package, never each other.
"""
