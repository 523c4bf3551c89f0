"""Foundations shared by all slices. Knows neither HTTP nor any slice."""
