"""The licenses of all accounts into a bucket, every six hours, as an Airflow DAG.

Airflow tries again what failed, and so does license-stream: a run that was killed is gone on with where it was. With
`skip-newer-than: 3h` in the pipeline, for runs that take two hours at most, a retry costs only what was not delivered yet;
without it, accounts that were complete are read again, into snapshots of their own. Exit code 4, done but for rejected records, is a warning here and no failure.
"""

from datetime import datetime, timedelta

from airflow.exceptions import AirflowException
from airflow.sdk import dag, task

REJECTED = 4


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
        """Runs the pipeline, and answers its summary."""
        import json
        import logging
        import subprocess

        # The token is in TRUTO_API_TOKEN of the worker, or where the pipeline's token-file says.
        command = ["license-stream", "run", "/etc/license-stream/pipeline.yaml", "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode == REJECTED:
            logging.warning("records were rejected: see the dead letters")
        elif done.returncode != 0:
            raise AirflowException(f"license-stream ended with exit code {done.returncode}")
        return json.loads(done.stdout)

    into_the_lake()


licenses()
