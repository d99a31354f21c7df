"""Lake, index, state, readers and writers: the only place that touches files."""
