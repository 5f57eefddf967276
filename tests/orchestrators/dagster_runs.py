"""Materializes packaging/dagster by Dagster: called by scripts/orchestrators.sh."""

import dagster as dg
import license_stream_assets
from cases import Orchestrator


def materialize(instance: dg.DagsterInstance) -> tuple[bool, int]:
    """Whether it succeeded, and after how many tries; what Dagster shows as metadata is printed."""
    result = dg.materialize([license_stream_assets.licenses], instance=instance, raise_on_error=False)
    for event in result.get_asset_materialization_events():
        print({name: value.value for name, value in event.materialization.metadata.items()})
    tries = 1 + sum(event.event_type_value == "STEP_RESTARTED" for event in result.all_events)
    return result.success, tries


def main() -> None:
    asset = license_stream_assets.licenses
    policy = asset.op.retry_policy
    assert (policy.max_retries, policy.delay) == (3, 300), policy
    # Nobody wants to wait for it.
    asset.op._retry_policy = dg.RetryPolicy(max_retries=1, delay=0)
    license_stream_assets.defs.resolve_schedule_def("licenses")
    with dg.DagsterInstance.ephemeral() as instance:

        def attempt() -> tuple[bool, int]:
            try:
                return materialize(instance)
            except BaseException as error:
                print(repr(error))
                return False, 1

        dagster = Orchestrator(
            name="dagster",
            flaky="55555555-5555-4555-8555-555555555555",
            stalled="66666666-6666-4666-8666-666666666666",
            interrupted="DagsterExecutionInterruptedError",
            attempt=attempt,
        )
        dagster.run_all()


main()
