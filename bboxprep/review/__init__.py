"""A static site to look through: what a run did, each picture before and after, charts. Opens from disk, offline."""
