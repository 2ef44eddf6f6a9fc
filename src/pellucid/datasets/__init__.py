"""Real data: from bytes on a disk or a server to X and y."""
