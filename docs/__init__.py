"""The documentation: pages, and the scripts that write those which are made of the program's own tables."""
