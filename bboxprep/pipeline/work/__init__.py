"""Runs a conversion: blocks of samples in worker processes, image and label files written to the output."""
