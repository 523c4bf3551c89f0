"""E-mail: posted in the outbox, rendered and sent by the worker, stopped, returned."""
