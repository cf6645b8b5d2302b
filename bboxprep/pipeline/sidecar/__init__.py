"""What a format cannot hold, kept beside the output and joined again when it is read."""
