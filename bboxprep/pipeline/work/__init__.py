"""The run itself: batches of samples through an engine, image files and labels onto the disk."""
