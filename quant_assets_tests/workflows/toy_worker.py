"""A worker of empty trials, in a process of its own: `python -m ... URL LEASE_S IDLE_S JOB_S`."""

import sys
import time

from quant_assets.storage.job_queue import Finished, Job, JobQueue
from quant_assets.storage.state import State
from quant_assets.workflows.sweep_worker import (
    Worker,
    WorkerRules,
    stopping_on_signals,
    worker_name,
)

CODE = "toy"


def empty_trial(job: Job) -> Finished:
    """Return a trial without a trade; only its id hangs on the job."""
    trial_id = f"trial-of-{job.job_id}"
    row = {
        "trial_id": trial_id,
        "strategy": job.config["name"],
        "config": dict(job.config),
        "data_hash": "d",
        "code_version": CODE,
        "metrics": {"sharpe": 0.0},
        "realism": "spread",
        "state": "completed",
        "details": {},
        "returns": None,
    }
    return Finished(job.job_id, trial_id, row)


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Work until idle or stopped, and say what was done."""
    url, lease_s, idle_s, job_s = sys.argv[1], *map(float, sys.argv[2:5])

    def run(job: Job) -> Finished:
        time.sleep(job.config.get("seconds", job_s))
        return empty_trial(job)

    worker = Worker(
        JobQueue(State(url)),
        run,
        name=worker_name(),
        code=CODE,
        rules=WorkerRules(lease_s=lease_s, idle_exit_s=idle_s),
    )
    with stopping_on_signals():
        say("ready")
        tally = worker.work()
    say(f"{tally.completed} {tally.failed} {tally.given_back}")


if __name__ == "__main__":
    main()
