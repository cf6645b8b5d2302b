"""Resumes an interrupted run: the journal, fingerprints of images, and flushing to the disk."""
