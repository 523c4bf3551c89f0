"""The catalogue's pages: the list of series, forms of series and lectures, the steps of a lecture."""
