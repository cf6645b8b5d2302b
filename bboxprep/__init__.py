"""Makes a labelled detection dataset ready to train on without ever moving a box off its object."""

__version__ = "0.1.0"
