"""Dagster's face of the graph."""

import warnings

import dagster as dg

# Ranges need a backfill policy, and the selection syntax a parameter, that Dagster calls beta. The
# version is pinned, so its users need not read that at every command.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
