"""What a run reports: the account of its objects, and what it refuses before it writes."""
