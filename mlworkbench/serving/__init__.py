"""Ask a model: by a server for the length of a block, with its latency, or for a whole table at once."""
