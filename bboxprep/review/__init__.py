"""A static site to look through: what a run did, each image before and after, charts. Opens from disk, offline."""
