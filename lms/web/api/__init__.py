"""The API: its envelope, idempotency, its OpenAPI document, and how it is found."""
