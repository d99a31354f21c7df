"""Trading research as a Dagster asset graph: raw market files to a leaderboard."""
