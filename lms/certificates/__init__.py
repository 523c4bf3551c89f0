"""Earn, issue, verify, revoke."""
