"""The conformance kit for formats."""
