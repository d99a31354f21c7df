"""What to do about a reason that a report gives, by rule; a refusal brings its own remedy."""

_ADVICE = {
    "conflicting_values": "The file gives one time two meanings: ask its source which is right. "
    "Local times read as UTC look like this too; see --tz.",
    "duplicate": "Nothing: one of the equal rows was kept.",
    "out_of_order": "Nothing: rows were sorted by time.",
    "gap": "Nothing was filled in. Look whether the market halted or the export is incomplete.",
    "restated": "What was made from these sessions is stale: quant plan shows it.",
    "unchanged": "Nothing: the file was landed before.",
    "unknown_instrument": "Its tick size is taken from its prices; name it in instruments.yaml.",
    "timeframe_differs": "The rows were believed. Rename the file.",
    "timeframe_inferred": "Name it like EURUSD15.csv to state the bar length.",
    "empty_table": "Nothing: there was nothing to land.",
    "volume_tie": "The roll map takes the nearer expiry.",
    "table_name": "Rename the table like GCZ13_TICK if its rows are wanted.",
    "damaged_table": "Copy or download the database again, and give it once more.",
    "outside_calendar": "Look at the stamps, or at the zone that they are in; see --tz.",
    "no_session": "The market did not trade on that date: look at the stamps.",
    "no_rows": "Export it again for a range that has data.",
}

_ROWS = "They are kept in table quarantine with place, rule and content."


def advice_on(rule: str) -> str:
    """Return what to do about a rule; of rows set aside, where they are."""
    return _ADVICE.get(rule, _ROWS)
