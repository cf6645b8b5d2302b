"""The output folder of a run: file names, checks of its content, and the run record."""
