"""What lets a run go on where another stopped: journal, and what is surely on the disk."""
