"""A toy graph of three recipes: numbers, their running total, and the total's double.

`numbers` reads a landed table; `totals` looks back one session; `doubles` reads `totals`.
"""

from datetime import date

import dataframely as dy
import polars as pl

from quant_assets.lineage.records import Lineage
from quant_assets.market.columns import day, real
from quant_assets.market.errors import InputError
from quant_assets.market.tables import Table
from quant_assets.workflows.recipe import Key, Made, MadeFile, NotDue, Plan, Status
from quant_assets.workflows.view import LakeView, versions, versions_or_absent
from quant_assets.workflows.workspace import Workspace


class NumbersSchema(dy.Schema):
    """One number a session."""

    session = day("session", key=True)
    value = real("the number", unit="1")


def _table(name: str) -> Table:
    return Table(name=name, schema=NumbersSchema, levels=("symbol",), order=("session",))


LANDED = _table("toy_landed")
NUMBERS = _table("toy_numbers")
TOTALS = _table("toy_totals")
DOUBLES = _table("toy_doubles")

BAD_VALUE = -1.0
"""A landed value that `numbers` refuses."""


def land(workspace: Workspace, symbol: str, values: dict[date, float]) -> None:
    """Land one value a session, as ingest would."""
    for session, value in values.items():
        frame = pl.DataFrame({"session": [session], "value": [value]})
        workspace.lake.commit(LANDED, {"symbol": symbol}, frame, Lineage("landed"), session=session)


class Numbers:
    """What was landed, refused where it is bad."""

    asset = "toy_numbers"
    upstream = ()
    tables = (NUMBERS,)
    modules = (__name__,)

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Read the landed value."""
        landed = view.at(LANDED.name, key.symbol, key.session)
        if not landed:
            return NotDue(Status.MISSING, "nothing landed")
        return Plan(inputs=versions(landed), payload=landed[0])

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Copy it, or refuse it."""
        frame = view.read(plan.payload)
        if frame["value"].item() == BAD_VALUE:
            raise InputError(asked=f"number of {key}", found="a bad value", remedy="Land another.")
        return Made((MadeFile(NUMBERS, {"symbol": key.symbol}, frame),), counts={"numbers": 1})


class Totals:
    """The session's number and the one before."""

    asset = "toy_totals"
    upstream = ("toy_numbers",)
    tables = (TOTALS,)
    modules = (__name__,)

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Read this session's number and the previous one's."""
        before = view.workspace.calendar(key.symbol).previous(key.session, 1)
        days = [*before, key.session]
        found = {day: view.at(NUMBERS.name, key.symbol, day) for day in days}
        if not found[key.session]:
            return NotDue(Status.MISSING, "no number")
        inputs: dict[str, str] = {}
        for session, entries in found.items():
            inputs |= versions_or_absent(NUMBERS.name, key.symbol, session, entries)
        needs = tuple(("toy_numbers", Key(key.symbol, session)) for session in before)
        return Plan(inputs=inputs, needs=needs, payload=[e for es in found.values() for e in es])

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Add them up."""
        total = sum(view.read(entry)["value"].item() for entry in plan.payload)
        frame = pl.DataFrame({"session": [key.session], "value": [total]})
        return Made((MadeFile(TOTALS, {"symbol": key.symbol}, frame),))


class Doubles:
    """The total twice."""

    asset = "toy_doubles"
    upstream = ("toy_totals",)
    tables = (DOUBLES,)
    modules = (__name__,)

    def plan(self, view: LakeView, key: Key) -> Plan | NotDue:
        """Read the total."""
        found = view.at(TOTALS.name, key.symbol, key.session)
        if not found:
            return NotDue(Status.MISSING, "no total")
        return Plan(inputs=versions(found), payload=found)

    def make(self, view: LakeView, key: Key, plan: Plan) -> Made:
        """Double it."""
        frame = view.read(plan.payload[0]).with_columns(pl.col("value") * 2)
        return Made((MadeFile(DOUBLES, {"symbol": key.symbol}, frame),))


RECIPES = (Numbers(), Totals(), Doubles())
