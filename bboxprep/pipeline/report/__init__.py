"""What a run has to say: the account of its objects, and what it refuses before it writes."""
