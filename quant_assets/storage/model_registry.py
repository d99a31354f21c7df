"""MLflow's registry: the versions of each strategy's model, and which is candidate or champion."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from quant_assets.market.errors import InputError

CANDIDATE, CHAMPION = "candidate", "champion"
VERSION_TAG = "model_version"


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of a strategy's model.

    Parameters
    ----------
    number
        Counted from 1 by the registry.
    model_version
        SHA-256 of the model's content.
    aliases
        `candidate` is the one trained last, `champion` the one promoted by hand.
    """

    strategy: str
    number: int
    model_version: str
    run_id: str
    aliases: tuple[str, ...]


class ModelRegistry:
    """The registry behind an MLflow client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def register(self, strategy: str, *, run_id: str, model_version: str) -> None:
        """Enter a run's model, once, and make it the candidate."""
        known = {one.model_version: one.number for one in self.versions(strategy)}
        if not known:
            self._create(strategy)
        if model_version not in known:
            source = self._client.get_run(run_id).info.artifact_uri
            tags = {VERSION_TAG: model_version}
            made = self._client.create_model_version(strategy, source, run_id=run_id, tags=tags)
            known[model_version] = int(made.version)
        self._client.set_registered_model_alias(strategy, CANDIDATE, str(known[model_version]))

    def promote(self, strategy: str, *, number: int | None = None) -> RegisteredVersion:
        """Make a version the champion; the candidate where none is named.

        Raises
        ------
        InputError
            If the strategy has no such version.
        """
        there = list(self.versions(strategy))
        chosen = [
            one
            for one in there
            if (one.number == number if number is not None else CANDIDATE in one.aliases)
        ]
        if not chosen:
            numbers = ", ".join(str(one.number) for one in there) or "none"
            raise InputError(
                asked=f"promote version {number or CANDIDATE} of {strategy!r}",
                found=f"registered versions are {numbers}",
                remedy="quant models lists them; train one first: quant train STRATEGY",
            )
        self._client.set_registered_model_alias(strategy, CHAMPION, str(chosen[0].number))
        return next(one for one in self.versions(strategy) if one.number == chosen[0].number)

    def versions(self, strategy: str | None = None) -> Iterator[RegisteredVersion]:
        """Yield the versions of a strategy, or of all, by strategy and number."""
        models = {model.name: model.aliases for model in self._models()}
        for name in sorted(models):
            if strategy is None or name == strategy:
                yield from self._of_model(name, models[name])

    def _models(self) -> Iterator[Any]:
        """Yield the registered models; MLflow hands them out a page at a time."""
        page = self._client.search_registered_models()
        yield from page
        while page.token:
            page = self._client.search_registered_models(page_token=page.token)
            yield from page

    def _of_model(self, name: str, aliases: dict[str, str]) -> Iterator[RegisteredVersion]:
        """Yield the versions of one registered model."""
        # The name comes from the registry itself, and strategies have none but a-z, 0-9 and _.
        found = self._client.search_model_versions(f"name='{name}'")
        for one in sorted(found, key=lambda version: int(version.version)):
            mine = {alias for alias, number in aliases.items() if str(number) == str(one.version)}
            yield RegisteredVersion(
                strategy=name,
                number=int(one.version),
                model_version=str(one.tags.get(VERSION_TAG, "")),
                run_id=str(one.run_id),
                aliases=tuple(sorted(mine)),
            )

    def _create(self, strategy: str) -> None:
        """Enter a strategy; one that another process has just entered is taken."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(strategy)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
