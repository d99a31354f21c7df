"""Every setting, with its default: nothing must be set to start."""

from datetime import date
from enum import StrEnum
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from quant_assets.market.bar_spec import FootprintSpec
from quant_assets.market.errors import InputError
from quant_assets.market.tables import check_symbol
from quant_assets.market.timeframes import Timeframe


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def lower_keys(values: object) -> object:
    """Return a mapping with lower-case keys: published names such as SL_RATIOS are taken too."""
    if not isinstance(values, dict):
        return values
    return {key.lower() if isinstance(key, str) else key: value for key, value in values.items()}


class PartitionGrain(StrEnum):
    """Width of a date partition in Dagster; lake files are daily at every grain."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class Member(Section):
    """A symbol of the universe and how it is researched."""

    symbol: str
    timeframe: str | None = Field(
        default=None, description="Research timeframe; default 1m, or the finest landed above it."
    )
    features: tuple[str, ...] | None = Field(default=None, description="Features; default all.")
    grid: str | None = Field(default=None, description="Bronze preset; default the timeframe's.")
    footprints: tuple[str, ...] = Field(
        default=(),
        description="Footprints besides the research timeframe's: `5m`, `vol1000`, `tick500@0.5`.",
    )
    reference: str | None = Field(
        default=None,
        description="Another symbol that cross-asset features compare it with; default none.",
    )
    anchor: date | None = Field(
        default=None,
        description="Session that anchored VWAP starts at; default the contract's first.",
    )

    @field_validator("symbol")
    @classmethod
    def _symbol_is_valid(cls, value: str) -> str:
        try:
            return check_symbol(value)
        except InputError as error:
            raise ValueError(error.found) from error

    @field_validator("reference")
    @classmethod
    def _reference_is_valid(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and value == info.data.get("symbol"):
            raise ValueError("a symbol is no reference of its own")
        return cls._symbol_is_valid(value) if value is not None else None

    @field_validator("timeframe", "grid")
    @classmethod
    def _timeframe_is_valid(cls, value: str | None) -> str | None:
        try:
            return Timeframe.parse(value).name if value is not None else None
        except InputError as error:
            raise ValueError(error.found) from error

    @field_validator("footprints")
    @classmethod
    def _footprints_are_valid(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for value in values:
                FootprintSpec.parse(value)
        except InputError as error:
            raise ValueError(f"{error.asked}: {error.found}") from error
        return values


class PartitionSettings(Section):
    """How Dagster's date dimension is cut."""

    grain: PartitionGrain = PartitionGrain.DAY
    start: date = Field(default=date(2000, 1, 1), description="First session of the partitions.")


class IngestSettings(Section):
    """Bounds on what a file may ask of the machine."""

    max_expanded_bytes: int = Field(
        default=64 * 2**20, description="Decompressed bytes below which any ratio is accepted."
    )
    max_expansion_ratio: float = Field(
        default=20.0, description="Decompressed to compressed bytes above that size."
    )
    gap_minutes: int = Field(
        default=60, description="Silence inside opening hours that a report mentions."
    )


class RollSettings(Section):
    """Which contract of a futures root is read on a session."""

    mode: Literal["same_day", "previous_day", "open_interest", "calendar", "days_before_expiry"] = (
        "previous_day"
    )
    date_basis: Literal["session", "utc", "ist"] = "session"
    days_before_expiry: int = Field(
        default=5,
        ge=0,
        le=250,
        description="Sessions before its expiry from which a contract is not read, in mode "
        "days_before_expiry; with 0 it is read up to the session before its last.",
    )


class CleaningSettings(Section):
    """How far out a trade must lie before it is set aside; `Thresholds` says why so far."""

    quote_reach: float = Field(
        default=0.05, gt=0, lt=1, description="Of the mid, beyond the nearer side of the quote."
    )
    widest_quote: float = Field(
        default=0.10, gt=0, lt=2, description="Of the mid; a wider quote vouches for no price."
    )
    median_reach: float = Field(
        default=0.10, gt=0, lt=1, description="Of the median of the last trades."
    )
    window_trades: int = Field(default=51, ge=1, description="Trades that the median is of.")
    window_minutes: float = Field(default=5.0, gt=0, description="Age of the oldest of them.")
    least_trades: int = Field(default=5, ge=1, description="Fewer trades have no median.")
    shift_trades: int = Field(
        default=5, ge=2, description="Trades set aside in a row that are a new level."
    )
    misplaced_share: float = Field(
        default=0.01, ge=0, lt=1, description="Of a session's rows, stamped in another session."
    )


class LevelSettings(Section):
    """Rules of levels."""

    opening_range_minutes: int = Field(
        default=30, ge=1, le=24 * 60, description="Length of the opening range."
    )


class FeatureSettings(Section):
    """Features besides the package's."""

    files: tuple[str, ...] = Field(
        default=(),
        description="Python files with features of your own, relative to the data root; they run "
        "as code.",
    )


class RegimeSettings(Section):
    """How regimes are fitted: on the past alone, again and again."""

    refit: Literal["session", "week", "month"] = Field(
        default="week", description="At the first session of each a new state is fitted."
    )
    window_sessions: int = Field(
        default=60, ge=1, le=2000, description="Sessions before it that a state is fitted on."
    )
    least_rows: int = Field(
        default=200, ge=20, description="Fewer complete rows in the window make no state."
    )
    mixture_components: int = Field(default=3, ge=2, le=8, description="Regimes of the mixture.")
    volatility_clusters: int = Field(
        default=3, ge=2, le=8, description="Regimes by volatility alone."
    )


class PresetSettings(Section):
    """Grid of a timeframe, in place of the package's."""

    sl_ratios: str | tuple[float, ...] = Field(description="Stops: `A:B:N`, or a list.")
    tp_ratios: str | tuple[float, ...] = Field(description="Targets: `A:B:N`, or a list.")
    max_lookforward: int = Field(ge=1, description="Candles looked at after the entry's own.")

    @model_validator(mode="before")
    @classmethod
    def _published_names_are_taken(cls, values: object) -> object:
        return lower_keys(values)


class BronzeSettings(Section):
    """Rules of the possibility engine, and bounds of what it stores."""

    statistics_memory_mb: int = Field(
        default=1024, ge=1, description="Most that counting outcomes may take for one session."
    )
    writer: Literal["pyarrow", "pages"] = Field(
        default="pages",
        description="What writes file exports: pyarrow, or pages as they are found.",
    )
    max_rows_per_session: int = Field(
        default=10_000_000, description="Above it no rows are stored for a session."
    )
    tie: Literal["loss", "win", "drill_down"] = "loss"
    spread_on: Literal["tp", "both"] = "tp"
    tail: Literal["keep", "drop"] = "keep"


class Settings(Section):
    """All settings.

    Values come from package defaults, `settings.yaml` under the data root, the overlay
    `settings.<environment>.yaml` and `QUANT_*` variables, in rising order.
    """

    universe: tuple[Member, ...] = ()
    max_cpu_usage: float = Field(
        default=1.0, gt=0.0, le=1.0, description="Share of the processors that work may use."
    )
    input_chunk_size: int = Field(
        default=2_000, ge=1, description="Candles that a thread searches for wins at a time."
    )
    output_chunk_size: int = Field(
        default=1_000_000,
        ge=1,
        le=16_000_000,
        description="Wins in one row group of a file export.",
    )
    spread_pips: dict[str, float] = Field(
        default={}, description="Spread by symbol, in place of the package's."
    )
    timeframe_presets: dict[str, PresetSettings] = Field(
        default={}, description="Grid by timeframe, in place of the package's."
    )
    partitions: PartitionSettings = PartitionSettings()
    ingest: IngestSettings = IngestSettings()
    roll: RollSettings = RollSettings()
    levels: LevelSettings = LevelSettings()
    features: FeatureSettings = FeatureSettings()
    regimes: RegimeSettings = RegimeSettings()
    cleaning: CleaningSettings = CleaningSettings()
    bronze: BronzeSettings = BronzeSettings()

    @field_validator("timeframe_presets")
    @classmethod
    def _presets_have_timeframes(
        cls, values: dict[str, PresetSettings]
    ) -> dict[str, PresetSettings]:
        try:
            return {Timeframe.parse(name).name: preset for name, preset in values.items()}
        except InputError as error:
            raise ValueError(error.found) from error

    def member(self, symbol: str) -> Member:
        """Return how a symbol is researched; one that is not listed gets the defaults."""
        listed = (member for member in self.universe if member.symbol == symbol)
        return next(listed, None) or Member(symbol=symbol)
