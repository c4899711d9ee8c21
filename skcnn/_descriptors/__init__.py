"""Descriptors of scikit-image as transformers: what HOG and DAISY share, and their settings."""
