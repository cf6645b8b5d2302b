"""The sidecar file: columns that the output format cannot hold, merged again when the output is read."""
