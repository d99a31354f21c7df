"""Tests of quant_assets, a folder a package."""
