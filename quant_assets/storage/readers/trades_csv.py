"""Reader of trades in CSV, with the aggressor's side."""

from collections.abc import Iterator

from quant_assets.storage.readers.base import (
    Landed,
    RawBatch,
    Remark,
    SetAside,
    SourceFile,
    Tally,
)
from quant_assets.storage.readers.csv_bars import (
    DEFAULT_ZONE,
    OrderWatch,
    check_some_given,
    survey_table,
)
from quant_assets.storage.readers.csv_rows import PLACE_PREFIX, RowTyper
from quant_assets.storage.readers.csv_table import CsvTable
from quant_assets.storage.readers.names import parse_trades_name
from quant_assets.storage.readers.trades import trade_frame, trade_rules


class TradesCsvReader:
    """Reads trades from a CSV whose header names a time, price, quantity and aggressor side.

    The symbol is the first token of the name (`BTCUSDT-perp-20240808.trades.csv`) or the user's.
    A row whose `kind` is no trade is set aside under `not_a_trade`, a side that is neither buy nor
    sell under `bad_side`.

    Raises
    ------
    FileRejectedError
        The rules of `parse_trades_name`, `recognise` and `survey_stamps`; `no_rows`;
        `no_readable_row` where every row was set aside; `unknown_zone`.
    """

    def __init__(self, source: SourceFile, *, table: CsvTable | None = None) -> None:
        self._symbol = parse_trades_name(source.name, symbol=source.symbol)
        self._source = source
        self._table = CsvTable(source) if table is None else table
        self.format = "trades-csv"
        self.tally = Tally()

    def events(self) -> Iterator[RawBatch | SetAside | Remark]:
        """Give rows, rows set aside, then remarks."""
        survey = survey_table(self._table)
        zone = self._source.zone or DEFAULT_ZONE
        self.tally = Tally(notes={"dates": survey.family, "zone": zone})
        typer = RowTyper(
            table=self._table,
            survey=survey,
            zone=zone,
            numbers=("price", "qty"),
            symbol=self._symbol,
            kind=Landed.TICKS,
            more_rules=trade_rules(self._table.dialect.columns),
        )
        order, n_given = OrderWatch(), 0
        for typed in typer.typed(self.tally):
            yield from typed.set_aside
            if typed.frame.is_empty():
                continue
            order.see(typed.frame["place"], typed.frame["ts"])
            n_given += typed.frame.height
            yield RawBatch(
                kind=Landed.TICKS,
                symbol=self._symbol,
                frame=trade_frame(typed.frame),
                place_prefix=PLACE_PREFIX,
            )
        check_some_given(n_given, file_name=self._source.name)
        yield from order.remarks()
