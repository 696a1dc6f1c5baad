"""Data sets: images as uint8 arrays, image labels, boxes, splits; augmentation and feeding."""
