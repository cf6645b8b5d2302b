"""Ways to run the work of a job; one file each, all with the same face."""
