"""The licenses of all accounts in a lake, as a Dagster asset, with what the run came to as its metadata.

Exit code 4, done but for rejected records, is a warning here and no failure. After exit code 2, where the file or a
setting is wrong, the asset fails at once: trying again would not mend it. After any other it is tried again, and
license-stream goes on where it was.
"""

import json
import os
import subprocess

import dagster as dg

USAGE, REJECTED = 2, 4


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=3, delay=300))
def licenses(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    pipeline = os.environ.get("LICENSE_STREAM_PIPELINE", "/etc/license-stream/pipeline.yaml")
    # The token is in TRUTO_API_TOKEN, or where the pipeline's token-file says.
    command = ["license-stream", "run", pipeline, "--json"]
    # In a session of its own the command is told to stop once: then it delivers what it has read, while after a second
    # time it ends at once.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as running:
        try:
            printed, _ = running.communicate()
        finally:
            # Dagster stops a step by an exception.
            running.terminate()
    # Nothing is printed by a command that was killed.
    run = json.loads(printed) if printed else {"jobs": []}
    metadata = metadata_of(run["jobs"])
    if running.returncode not in (0, REJECTED):
        message = "; ".join([f"license-stream ended with exit code {running.returncode}", *errors_of(run)])
        raise dg.Failure(message, metadata=metadata, allow_retries=running.returncode != USAGE)
    if running.returncode == REJECTED:
        context.log.warning("records were rejected: see the dead letters")
    return dg.MaterializeResult(metadata=metadata)


def errors_of(run: dict) -> list[str]:
    """What kept the run from beginning, which then has no jobs; or what failed of each job."""
    if "error" in run:
        return [run["error"]]
    return [f"{job['name']}: {error}" for job in run["jobs"] if (error := error_of(job))]


def error_of(job: dict) -> str | None:
    """What failed: the job as a whole, or one of its accounts."""
    return job["error"] or (job["summary"] or {}).get("error")


def metadata_of(jobs: list[dict]) -> dict:
    """Numbers, of which Dagster draws lines, and each job's summary without its thousands of snapshots."""
    summaries = {job["name"]: job["summary"] for job in jobs if job["summary"]}
    metadata = {
        name: sum(summary[name] for summary in summaries.values()) for name in ("records", "rejected", "bytes_written")
    }
    for name, summary in summaries.items():
        shown = {key: value for key, value in summary.items() if key != "snapshots"}
        metadata[f"job {name}"] = dg.MetadataValue.json(shown)
    return metadata


defs = dg.Definitions(
    assets=[licenses],
    schedules=[dg.ScheduleDefinition(target=[licenses], name="licenses", cron_schedule="0 */6 * * *")],
)
