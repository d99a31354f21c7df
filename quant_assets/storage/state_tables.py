"""Tables of the state database: index, receipts, failures, trials and timings."""

import sqlalchemy as sa

METADATA = sa.MetaData()

PARTITIONS = sa.Table(
    "partitions",
    METADATA,
    sa.Column("table", sa.String, primary_key=True),
    sa.Column("hive", sa.String, primary_key=True),
    sa.Column("session", sa.String, primary_key=True),
    sa.Column("symbol", sa.String, nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("data_version", sa.String, nullable=False),
    sa.Column("inputs_hash", sa.String, nullable=False),
    sa.Column("params_hash", sa.String, nullable=False),
    sa.Column("code_version", sa.String, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("final", sa.Boolean, nullable=False),
    sa.Column("final_through", sa.String),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("synthetic", sa.Boolean, nullable=False),
    sa.Column("seed", sa.BigInteger),
    sa.Column("stats", sa.JSON, nullable=False),
    sa.Index("partitions_by_symbol", "table", "symbol", "session"),
)

RECEIPTS = sa.Table(
    "receipts",
    METADATA,
    sa.Column("sha256", sa.String, primary_key=True),
    sa.Column("options", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("format", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("report", sa.JSON, nullable=False),
)

FAILURES = sa.Table(
    "failures",
    METADATA,
    sa.Column("asset", sa.String, primary_key=True),
    sa.Column("partition", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("message", sa.String, nullable=False),
    sa.Column("version", sa.String, nullable=False),
)

TRIALS = sa.Table(
    "trials",
    METADATA,
    sa.Column("trial_id", sa.String, primary_key=True),
    sa.Column("strategy", sa.String, nullable=False),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("data_hash", sa.String, nullable=False),
    sa.Column("code_version", sa.String, nullable=False),
    sa.Column("metrics", sa.JSON, nullable=False),
    sa.Column("realism", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("returns", sa.LargeBinary),
)

TIMINGS = sa.Table(
    "timings",
    METADATA,
    sa.Column("asset", sa.String, primary_key=True),
    sa.Column("partitions", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
)
"""How long partitions took when they were last made in a range: what a plan estimates by."""

SWEEPS = sa.Table(
    "sweeps",
    METADATA,
    sa.Column("sweep", sa.String, primary_key=True),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("reported", sa.String),
)
"""Sweeps by name, each with its spec as it was last run, and a digest of what its page tells."""

SWEEP_CELLS = sa.Table(
    "sweep_cells",
    METADATA,
    sa.Column("sweep", sa.String, primary_key=True),
    sa.Column("cell", sa.Integer, primary_key=True),
    sa.Column("values", sa.JSON, nullable=False),
    sa.Column("job_id", sa.String),
    sa.Column("invalid", sa.String),
    sa.Index("sweep_cells_by_job", "job_id"),
)
"""Cells of a sweep: the values that it varies, and the job they are; or why they are none."""

JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("job_id", sa.String, primary_key=True),
    sa.Column("place", sa.BigInteger, nullable=False),
    sa.Column("sweep", sa.String, nullable=False),
    sa.Column("kin", sa.String, nullable=False),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("code_version", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("is_suspect", sa.Boolean, nullable=False),
    sa.Column("lost", sa.Integer, nullable=False),
    sa.Column("worker", sa.String),
    sa.Column("lease_until", sa.Float),
    sa.Column("trial_id", sa.String),
    sa.Column("message", sa.String),
    sa.Index("jobs_by_state", "state", "place"),
    sa.Index("jobs_by_lease", "worker"),
)
"""The queue: what is to be computed, by whom, until when (seconds of the epoch), and its trial.

`attempts` counts claims; a suspect is given out alone since a worker that held it never came back,
and `lost` counts those that held nothing else. `sweep` is the first to ask; jobs of one `kin` share
costly work, such as a model.
"""
