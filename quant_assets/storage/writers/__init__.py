"""Writers of vendors' formats."""
