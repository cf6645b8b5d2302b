"""The version of this program, which every record of a run names."""

__version__ = "0.1.0"
