"""Tags that let Dagster tell exactly, for each partition, whether its inputs have changed.

Without them Dagster compares times, and a re-run that keeps every partition would make all that
lies below look stale.
"""

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    INPUT_DATA_VERSION_TAG_PREFIX,
    INPUT_EVENT_POINTER_TAG_PREFIX,
    NULL_EVENT_POINTER,
)

from quant_assets.lineage.records import ABSENT


def input_tags(context: dg.AssetExecutionContext) -> dict[str, str]:
    """Return, for each asset above, how far its event log reached when this step read it."""
    graph = context.job_def.asset_layer.asset_graph
    tags: dict[str, str] = {}
    for parent in sorted(graph.get(context.asset_key).parent_keys):
        # An asset that this run does not hold is seen through its latest record of either kind.
        records = [
            record
            for is_external in (False, True)
            if (record := context.instance.get_latest_data_version_record(parent, is_external))
        ]
        pointer = max((record.storage_id for record in records), default=NULL_EVENT_POINTER)
        name = parent.to_user_string()
        tags[f"{INPUT_EVENT_POINTER_TAG_PREFIX}/{name}"] = str(pointer)
        tags[f"{INPUT_DATA_VERSION_TAG_PREFIX}/{name}"] = str(pointer) if records else ABSENT
    return tags


def version_tags(version: str, code_version: str, inputs: dict[str, str]) -> dict[str, str]:
    """Return the tags of one partition's materialization."""
    return inputs | {
        DATA_VERSION_TAG: version,
        DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
        CODE_VERSION_TAG: code_version,
    }
