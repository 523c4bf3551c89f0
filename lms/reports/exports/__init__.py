"""Figures and the rows behind them as files."""
