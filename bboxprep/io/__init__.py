"""Files in and out: paths, atomic writes, remote files, archives, hashing, strict YAML. Knows nothing of datasets."""
