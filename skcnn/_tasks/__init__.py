"""What a network learns from images: classes, sets of labels, numbers, or the images themselves."""
