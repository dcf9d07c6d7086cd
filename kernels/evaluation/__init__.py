"""The proof of the kernel's accuracy: matching, confidence intervals, perturbations, figures.

Pure computation on arrays. Whoever reads recordings hands them in; see `edge.evaluate`.
"""

from kernels.evaluation.figures import Figure, Goal, Provenance, to_json

__all__ = ["Figure", "Goal", "Provenance", "to_json"]
