"""The proof: published transfer tasks, partitions of any device set."""
