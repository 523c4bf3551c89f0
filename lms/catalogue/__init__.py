"""Series and lectures: what is given, when, by whom, in which languages."""
