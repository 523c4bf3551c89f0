"""The session and its actions, the audit trail, bulk statements, search, caches and the schema."""
