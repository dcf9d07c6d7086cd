"""Dashboards as code, over the names of `pipeline.points`."""
