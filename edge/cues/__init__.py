"""When the patient gets a cue, and what practice aims at: the rules alone, without a pin, a sound
or a thread. `edge.cueing` brings them to the detection loop and to the outputs.

    policy    each record is judged once; the first objection silences it
    repeated  in everyday life only repeated failures get a cue
    limits    pause, rate, duty; quiet hours
    levels    the own baseline, the target in its standard deviations, both kept on disk
    practice  one session: which steps are on target, which get feedback
"""

from edge.cues.levels import Levels, Measure, Target
from edge.cues.policy import CuePolicy
from edge.cues.practice import PracticeRefused, PracticeState, Session
from edge.cues.rules import Cause, Conditions, CueCounts, Mode, Reason, Verdict

__all__ = [
    "Cause",
    "Conditions",
    "CueCounts",
    "CuePolicy",
    "Levels",
    "Measure",
    "Mode",
    "PracticeRefused",
    "PracticeState",
    "Reason",
    "Session",
    "Target",
    "Verdict",
]
