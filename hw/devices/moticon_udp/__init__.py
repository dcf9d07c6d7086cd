"""Moticon OpenGo insoles through the UDP output of their PC software."""
