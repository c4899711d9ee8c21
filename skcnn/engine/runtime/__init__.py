"""Threads, BLAS, bit masks, floating-point errors. Nothing here knows of networks."""
