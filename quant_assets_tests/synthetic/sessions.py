"""Sessions that the tests of synthetic markets trade in."""

from quant_assets.market.sessions import SessionBounds
from quant_assets.storage.package_data import load_calendars
from quant_assets.workflows.demo_market import demo_sessions

SESSIONS: dict[str, list[SessionBounds]] = demo_sessions(load_calendars())
SEEDS = range(12)
