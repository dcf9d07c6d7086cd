"""OpenFoot v1: the project's open protocol for insoles that people build."""
