"""Grid and spread of a symbol: the settings' where they say any, else the package's."""

from quant_assets.bronze.presets import Grid, parse_levels, preset, spread_price
from quant_assets.market.errors import InputError, SettingsError
from quant_assets.market.instruments import Instrument
from quant_assets.market.timeframes import Timeframe
from quant_assets.settings.model import Settings


def grid_of(settings: Settings, timeframe: Timeframe) -> Grid:
    """Return the grid of a timeframe, with the rules of the settings.

    Raises
    ------
    SettingsError
        If the levels that the settings give are none.
    """
    bronze = settings.bronze
    written = settings.timeframe_presets.get(timeframe.name)
    default = preset(timeframe)
    try:
        return Grid(
            sl_ratios=_levels(written.sl_ratios) if written else default.sl_ratios,
            tp_ratios=_levels(written.tp_ratios) if written else default.tp_ratios,
            max_lookforward=written.max_lookforward if written else default.max_lookforward,
            tie=bronze.tie,
            spread_on=bronze.spread_on,
            tail=bronze.tail,
        )
    except InputError as error:
        raise SettingsError(
            asked=f"setting timeframe_presets.{timeframe.name}: {error.asked}",
            found=error.found,
            remedy=error.remedy,
        ) from error


def spread_of(settings: Settings, instrument: Instrument, *, pips: float | None = None) -> float:
    """Return the spread of an instrument in price.

    Parameters
    ----------
    pips
        Given by the user; else the setting `spread_pips`, else what the package knows.
    """
    given = settings.spread_pips.get(instrument.symbol) if pips is None else pips
    return spread_price(instrument, pips=given)


def _levels(written: str | tuple[float, ...]) -> tuple[float, ...]:
    return parse_levels(written) if isinstance(written, str) else written
