"""The error of a stored estimator that is not read."""

from quant_assets.market.errors import TrainingError


def broken_estimator(found: str) -> TrainingError:
    """Return the error of an estimator that does not pass its checks."""
    return TrainingError(
        asked="an estimator of a stored model",
        found=found,
        remedy="The file was changed or damaged: make the model again.",
    )
