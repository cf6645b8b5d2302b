"""How a run continues where another stopped: its journal, fingerprints of images, and flushing to the disk."""
