"""The folder that a run writes to: the names in it, whose it is, and the record of the run."""
