"""Requests and responses of the attendance API."""
