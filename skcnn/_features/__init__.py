"""Features of images: the descriptors of scikit-image in batches, and filters of patches."""
