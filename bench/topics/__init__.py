"""What is measured, one file a topic: see `bench.table.topic`."""
