"""The pipeline: MQTT in, a store out, receipts back. Each module is its own door; see README.md."""
