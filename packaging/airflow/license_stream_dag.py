"""The licenses of all accounts into a bucket, every six hours, as an Airflow DAG.

Airflow tries again what failed, and so does license-stream: a run that was killed is gone on with where it was. With
`skip-newer-than: 3h` in the pipeline, for runs that take two hours at most, a retry costs only what was not delivered
yet; without it, accounts that were complete are read again, into snapshots of their own.

| exit code | the task |
|---|---|
| 0 | succeeds |
| 4, done but for rejected records | succeeds, with a warning in its log |
| 2, the file or a setting is wrong | fails at once: trying again would not mend it |
| any other | fails, and is tried again |
"""

import json
import logging
import os
import signal
import subprocess
from datetime import datetime, timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

USAGE, REJECTED = 2, 4


@dag(
    schedule=timedelta(hours=6),
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # A second run at once would be refused, or take over.
    max_active_runs=1,
)
def licenses():
    @task(retries=3, retry_delay=timedelta(minutes=5))
    def into_the_lake() -> dict:
        """Runs the pipeline, and answers what each job came to."""
        pipeline = os.environ.get("LICENSE_STREAM_PIPELINE", "/etc/license-stream/pipeline.yaml")
        # The token is in TRUTO_API_TOKEN of the worker, or where the pipeline's token-file says.
        command = ["license-stream", "run", pipeline, "--json"]
        # Airflow stops a task by SIGTERM, newer versions all processes of its group. In a session of its own the
        # command is told once: then it delivers what it has read, while after a second time it ends at once.
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as running:
            signal.signal(signal.SIGTERM, lambda *_: running.terminate())
            try:
                printed, _ = running.communicate()
            finally:
                running.terminate()
        # Nothing is printed by a command that was killed.
        run = json.loads(printed) if printed else {"jobs": []}
        if running.returncode == REJECTED:
            logging.warning("records were rejected: see the dead letters")
        elif running.returncode != 0:
            message = "; ".join([f"license-stream ended with exit code {running.returncode}", *errors_of(run)])
            raise (AirflowFailException if running.returncode == USAGE else AirflowException)(message)
        return {job["name"]: without_snapshots(job["summary"]) for job in run["jobs"]}

    into_the_lake()


def errors_of(run: dict) -> list[str]:
    """What kept the run from beginning, which then has no jobs; or what failed of each job."""
    if "error" in run:
        return [run["error"]]
    return [f"{job['name']}: {error}" for job in run["jobs"] if (error := error_of(job))]


def error_of(job: dict) -> str | None:
    """What failed: the job as a whole, or one of its accounts."""
    return job["error"] or (job["summary"] or {}).get("error")


def without_snapshots(summary: dict) -> dict:
    """Of 10,000 accounts there are as many snapshots: too much for Airflow's database."""
    return {name: value for name, value in summary.items() if name != "snapshots"}


licenses()
