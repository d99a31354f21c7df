"""Trading research as a Dagster asset graph: raw market files to a leaderboard."""

import os
import sys

# A compiled kernel holds what it calls from other files, and numba looks at its own file alone:
# these locators look at all of them. Set here, before any kernel can be met, and imported by
# numba only once it meets one.
os.environ.setdefault(
    "NUMBA_CACHE_LOCATOR_CLASSES",
    "quant_assets.storage.kernel_cache.UserProvided,quant_assets.storage.kernel_cache.InTree,"
    "quant_assets.storage.kernel_cache.UserWide,IPythonCacheLocator,ZipCacheLocator",
)
if "numba" in sys.modules:
    sys.modules["numba"].config.reload_config()
