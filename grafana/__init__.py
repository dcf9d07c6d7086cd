"""Dashboards and alert rules as code, over the names of `pipeline.points`."""
