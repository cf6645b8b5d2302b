"""The account of objects, crowd regions, and the checks before a run writes."""
