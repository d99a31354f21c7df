"""What each asset partitioned by symbol and session is made from, and how; a file a stage."""
