"""The folder a run writes to: names in it, who owns it, the record of the run."""
