"""Everything that reads series and lectures."""
