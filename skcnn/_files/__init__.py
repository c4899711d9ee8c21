"""Files: paths as users write them, data sets in IDX files, and folders of image files."""
