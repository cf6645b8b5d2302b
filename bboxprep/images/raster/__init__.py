"""A plan executed on pixels."""
