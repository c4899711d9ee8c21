"""Files: paths as users write them, and data sets in IDX files."""
