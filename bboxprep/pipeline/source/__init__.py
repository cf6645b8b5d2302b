"""Opens sources: detects the format, surveys images, settles frames, merges datasets, assigns splits, inspects."""
