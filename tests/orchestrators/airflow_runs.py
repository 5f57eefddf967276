"""Runs packaging/airflow by Airflow, as `airflow dags test` does: called by scripts/orchestrators.sh."""

import os
import sqlite3
import warnings
from datetime import timedelta
from pathlib import Path

warnings.simplefilter("ignore")

import license_stream_dag  # noqa: E402
from cases import Orchestrator  # noqa: E402


def last_run() -> tuple[str, int, str]:
    """The state and number of tries of the task that ran last, and what it answered."""
    with sqlite3.connect(Path(os.environ["AIRFLOW_HOME"]) / "airflow.db") as database:
        state, tries, run = database.execute(
            "select state, try_number, run_id from task_instance order by start_date desc limit 1"
        ).fetchone()
        answered = database.execute("select value from xcom where run_id = ?", [run]).fetchall()
    return state, tries, str(answered)


def main() -> None:
    dag = license_stream_dag.licenses()
    task = dag.get_task("into_the_lake")
    assert (task.retries, task.retry_delay) == (3, timedelta(minutes=5))
    # Nobody wants to wait for it.
    task.retries, task.retry_delay = 1, timedelta(seconds=0)

    def attempt() -> tuple[bool, int]:
        dag.test()
        state, tries, answered = last_run()
        assert "snapshots" not in answered, answered
        return state == "success", tries

    airflow = Orchestrator(
        name="airflow",
        flaky="33333333-3333-4333-8333-333333333333",
        stalled="44444444-4444-4444-8444-444444444444",
        interrupted="ended with exit code 143",
        attempt=attempt,
    )
    airflow.run_all()


main()
