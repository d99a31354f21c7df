"""What a symbol is: its class, calendar, tick size, contract size, currency and usual costs.

The list comes from the package's `instruments.yaml` and, on top, from the user's file of the same
form; both are read elsewhere and handed in as mappings. A symbol that neither names gets its class
by the shape of its name, `known=False` and no tick size, which is then inferred from its prices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from quant_assets.market.contracts import is_contract, root_of
from quant_assets.market.errors import SettingsError
from quant_assets.market.sessions import CALENDARS
from quant_assets.market.tables import check_symbol


class AssetClass(StrEnum):
    """Kind of instrument."""

    FUTURE = "future"
    EQUITY = "equity"
    FX = "fx"
    CRYPTO = "crypto"
    METAL = "metal"
    """Spot metal against a currency."""


@dataclass(frozen=True)
class Instrument:
    """One instrument; a future stands for all contracts of its root.

    Parameters
    ----------
    symbol
        Symbol in the lake: the root for futures.
    calendar
        Name of its sessions, one of `sessions.CALENDARS`.
    tick_size
        Smallest price step in quote currency; None where it is not known.
    pip_size
        Price of one pip; None where the trade does not speak of pips.
    multiplier
        Quote currency gained by one contract or unit when the price rises by 1.
    currency
        Currency of prices and results.
    qty_scale
        Size of one count of a quantity in DBN files: 1e-8 where they count coins in 1e-8. Other
        formats hold plain quantities.
    known
        Whether a list or a rule names it, and not only the shape of its name.
    spread_ticks
        Usual bid-ask spread in ticks, the default of backtests.
    fee_per_unit
        Commission and exchange fees, in quote currency, a contract or unit and side.
    fee_bps
        Fee in basis points (0.0001) of the traded value a side, besides `fee_per_unit`.
    qty_step
        Sizes that are computed are rounded down to a multiple of it.
    volume_unit
        What the volume of its bars counts: `size` is contracts, shares or coins; `ticks` is price
        changes, as of currencies without a central exchange, and bounds no order.
    """

    symbol: str
    asset_class: AssetClass
    calendar: str
    tick_size: float | None
    pip_size: float | None
    multiplier: float
    currency: str
    qty_scale: float
    known: bool
    spread_ticks: float = 1.0
    fee_per_unit: float = 0.0
    fee_bps: float = 0.0
    qty_step: float = 1.0
    volume_unit: Literal["size", "ticks"] = "size"

    @property
    def spread(self) -> float | None:
        """Usual bid-ask spread in quote currency; None where the tick size is not known."""
        return None if self.tick_size is None else self.spread_ticks * self.tick_size

    def with_tick_size(self, tick_size: float) -> "Instrument":
        """Return the instrument with a tick size that was inferred from its prices."""
        return replace(self, tick_size=tick_size)


def _refuse_bool(value: object) -> object:
    """Refuse yes and no where YAML was meant to hold a number."""
    if isinstance(value, bool):
        msg = "should be a number"
        raise ValueError(msg)  # noqa: TRY004 -- pydantic turns only a ValueError into its report
    return value


_Positive = Annotated[float, BeforeValidator(_refuse_bool), Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, BeforeValidator(_refuse_bool), Field(ge=0, allow_inf_nan=False)]
_Currency = Annotated[str, Field(pattern=r"^[A-Z]{3,5}$")]
_Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,10}$")]


class _Entry(BaseModel):
    """What a file says of one instrument or one class; a field left out is taken from below."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asset_class: AssetClass | None = Field(default=None, alias="class")
    calendar: Literal["XNYS", "CME_EQUITY", "CME_METALS", "FX", "CRYPTO"] | None = None
    tick_size: _Positive | None = None
    pip_size: _Positive | None = None
    multiplier: _Positive | None = None
    currency: _Currency | None = None
    qty_scale: _Positive | None = None
    spread_ticks: _NotNegative | None = None
    fee_per_unit: _NotNegative | None = None
    fee_bps: _NotNegative | None = None
    qty_step: _Positive | None = None
    volume_unit: Literal["size", "ticks"] | None = None

    def stated(self) -> dict[str, Any]:
        """Return the fields that the file states."""
        return self.model_dump(exclude_none=True)


class _Content(BaseModel):
    """One file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    currencies: tuple[_Code, ...] = ()
    metals: tuple[_Code, ...] = ()
    crypto_bases: tuple[_Code, ...] = ()
    crypto_quotes: tuple[_Code, ...] = ()
    classes: dict[AssetClass, _Entry] = Field(default_factory=dict)
    instruments: dict[str, _Entry] = Field(default_factory=dict)


_Fields = dict[str, Any]

# What a class that says nothing more costs and holds.
_BASE: _Fields = {
    "calendar": "XNYS",
    "tick_size": None,
    "pip_size": None,
    "multiplier": 1.0,
    "currency": "USD",
    "qty_scale": 1.0,
}


@dataclass(frozen=True, eq=False)
class InstrumentBook:
    """All instruments that are named, and the rules for those that are not.

    Make it with `from_mappings`.
    """

    currencies: frozenset[str]
    metals: frozenset[str]
    crypto_bases: frozenset[str]
    crypto_quotes: tuple[str, ...]
    classes: Mapping[AssetClass, _Fields]
    entries: Mapping[str, _Fields]

    @classmethod
    def from_mappings(cls, *raw: Mapping[str, object]) -> Self:
        """Build the book from file contents, later ones on top of earlier ones.

        Lists are joined; of a class or an instrument, each field that a later mapping states
        replaces the earlier one.

        Raises
        ------
        SettingsError
            If a key is unknown or a value is wrong; the message names the key.
        """
        contents = [_validated(content) for content in raw]
        classes: dict[AssetClass, _Fields] = {kind: dict(_BASE) for kind in AssetClass}
        entries: dict[str, _Fields] = {}
        for content in contents:
            for kind, entry in content.classes.items():
                classes[kind] |= entry.stated()
            for symbol, entry in content.instruments.items():
                entries[symbol] = entries.get(symbol, {}) | entry.stated()
        quotes = {quote for content in contents for quote in content.crypto_quotes}
        return cls(
            currencies=frozenset(code for c in contents for code in c.currencies),
            metals=frozenset(code for c in contents for code in c.metals),
            crypto_bases=frozenset(code for c in contents for code in c.crypto_bases),
            crypto_quotes=tuple(sorted(quotes)),
            classes=classes,
            entries=entries,
        )

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols that a file names, sorted; FX pairs by rule are not among them."""
        return tuple(sorted(self.entries))

    def instrument(self, symbol: str) -> Instrument:
        """Return what a symbol is.

        A contract code such as `ESM24` gives its root. Two known currencies make a known FX pair.
        Any other symbol that no file names gets its class by shape: crypto where a known coin
        stands before a known quote, a future where it reads as a contract code, else an equity.

        Raises
        ------
        SymbolError
            If the symbol is none that a path of the lake may carry.
        """
        check_symbol(symbol)
        if symbol not in self.entries and is_contract(symbol):
            return self._resolved(root_of(symbol), {"asset_class": AssetClass.FUTURE})
        return self._resolved(symbol, self._by_shape(symbol))

    def _resolved(self, symbol: str, shape: _Fields) -> Instrument:
        """Lay what the files state over the shape of the name, and that over its class."""
        stated = self.entries.get(symbol, {})
        kind: AssetClass = stated.get("asset_class") or shape["asset_class"]
        fits = shape if kind is shape["asset_class"] else {}
        fields = self.classes[kind] | fits | stated | {"asset_class": kind}
        known = symbol in self.entries or "pip_size" in fits
        if not known:
            fields |= {"tick_size": None, "pip_size": None}
        return Instrument(symbol=symbol, known=known, **fields)

    def _by_shape(self, symbol: str) -> _Fields:
        """Return the class that the shape of a name tells, and what follows from the name."""
        base, quote = symbol[:3], symbol[3:]
        if quote in self.currencies and base != quote:
            if base in self.currencies:
                return _fx_pair(quote)
            if base in self.metals:
                return {"asset_class": AssetClass.METAL, "currency": quote}
        for coin_quote in self.crypto_quotes:
            coin = symbol.removesuffix(coin_quote).rstrip("-_.")
            if symbol.endswith(coin_quote) and coin in self.crypto_bases and coin != coin_quote:
                return {"asset_class": AssetClass.CRYPTO, "currency": coin_quote}
        return {"asset_class": AssetClass.EQUITY}


def _fx_pair(quote: str) -> _Fields:
    """Return the conventions of a currency pair: a pip is 0.0001, against the yen 0.01."""
    pip = 0.01 if quote == "JPY" else 0.0001
    return {
        "asset_class": AssetClass.FX,
        "currency": quote,
        "pip_size": pip,
        "tick_size": pip / 10,
    }


def _validated(raw: Mapping[str, object]) -> _Content:
    """Check one file's content; the error names the first wrong key."""
    try:
        content = _Content.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        *above, last = first["loc"] or ("",)
        # A key that YAML reads as yes or no stands only in the input.
        place = [*above[:-1], first["input"]] if last == "[key]" else [*above, last]
        raise SettingsError(
            asked=f"instrument settings key {'.'.join(str(part) for part in place)!r}",
            found=f"{first['input']!r:.80}: {first['msg'].lower()}",
            remedy=f"Calendars are {', '.join(CALENDARS)}; classes {', '.join(AssetClass)}; "
            "a symbol such as ON needs quotes.",
        ) from error
    for symbol in content.instruments:
        check_symbol(symbol)
    return content
