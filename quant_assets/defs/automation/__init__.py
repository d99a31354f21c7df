"""Jobs, schedules and sensors: the only place that reads a clock."""
