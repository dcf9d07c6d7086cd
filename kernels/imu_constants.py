"""Constants of the IMU chain, each with its unit and where it comes from.

Marked T: set with the motion-capture walk (gaitmap) in view, one value for both feet; physiology
gives only its order. All others follow from physiology, from data sheets or from gait.md.
"""

from typing import Final

__all__: list[str] = []  # imported as a module

RING: Final = 2048
"""Samples kept: 6.8 s at 300 Hz, 20 s at 100 Hz. A stride of slow gait lasts up to 4 s."""
GRAVITY: Final = 9.80665  # m/s2, standard gravity
DEGREES: Final = 57.29577951308232  # per radian

ABSURD: Final = 1e4  # in any unit; a larger reading is none, a larger speed is lost track

# --- holes in the stream
GAP_S: Final = 0.030  # s; a longer hole makes the swing invalid (gait.md)
GAP_PERIODS: Final = 1.7  # or this many sample periods, where that is longer (25-50 Hz)
PERIOD_SHARE: Final = 0.02  # share of each sample in the running sample period
LOST_S: Final = 0.5  # s; after a longer hole nothing is carried over

# --- stillness: a foot on the ground turns slowly and feels gravity alone
STILL_RATE: Final = 0.35  # rad/s (20 deg/s); a flat foot in walking turns more slowly
STILL_RATE_MAX: Final = 1.5  # rad/s; how restless a stance with spasticity may be
STILL_RATE_RATIO: Final = 1.5  # the threshold over the least unrest of recent stances
STILL_RATE_SHARE: Final = 0.3  # share of the last stance in that threshold
STILL_ACC: Final = 0.6  # m/s2, departure of |a| from gravity, at STILL_RATE
STILL_S: Final = 0.02  # s; both hold for this long
FLAT_LOOSER: Final = 2.0  # thresholds times this while the insole says flat
UNREST_TAU_S: Final = 0.03  # s; smoothing of the unrest that ranks the samples of a stance
UNREST_ACC: Final = 0.3  # rad/s that 1 m/s2 of departure weighs in the unrest
UNLOADED_UNREST: Final = 4.0  # an unloaded foot is not at foot-flat, however quiet
FLAT_WINDOW_S: Final = 0.06  # s; gravity at foot-flat is a mean over this long
FLAT_LEARN_S: Final = 0.1  # s; the mounting learns from the begin of a flat, not its end (T)
SETTLED_S: Final = 0.08  # s of stillness after which a stride can be closed
TILT_TAU_S: Final = 0.05  # s; tilt follows gravity while still: a foot-flat lasts 0.1-0.3 s

# --- sensor errors
REST_S: Final = 0.6  # s; longer than the quiet part of a stance: standing or sitting
REST_MEAN_S: Final = 0.1  # s; the running mean of the rate
REST_SPREAD: Final = 0.1  # rad/s, departure from that mean at rest (sum of the three axes)
BIAS_MAX: Final = 0.5  # rad/s; consumer gyros stay under 20-30 deg/s
BIAS_FLAT: Final = 0.06  # rad/s; in walking a flat whose mean rate is under this teaches the offset
BIAS_FLAT_S: Final = 0.1  # s into the flat
BIAS_REST_TAU_S: Final = 0.3
BIAS_FLAT_TAU_S: Final = 2.0
GRAVITY_TAU_S: Final = 2.0
GRAVITY_SPAN: Final = 0.5  # m/s2; an accelerometer's scale error of 5 %

# --- mounting
AXIS_RATE: Final = 2.0  # rad/s; faster turns are swings and push-offs
AXIS_TAU_S: Final = 10.0  # s of such turning: some ten strides
AXIS_MIN: Final = 1.0  # rad2/s; less turning than that of one push-off tells no axis
MOUNT_FLATS: Final = 8  # foot-flats that the mean flat tilt remembers
STAND_S: Final = 0.3  # s; standing this long gives a first flat tilt
UP_MIN: Final = 0.5  # cos 60 deg; a rough up axis farther off is turned over
HEADING_MAX: Final = 0.87  # rad (50 deg); a rough forward axis farther off is wrong

# --- signs of wrong units and axes
CHECK_TAU_S: Final = 2.0  # s; running means of |a| and of the rate
CHECK_AFTER_S: Final = 3.0  # s of signal before they are judged
NO_GRAVITY: Final = 5.0  # m/s2; the mean |a| of a foot is 9.8 at rest and more in walking
UNIT_G_LOW: Final = 0.7  # a mean |a| between these is in g
UNIT_G_HIGH: Final = 2.5
RATE_MEAN_MAX: Final = 25.0  # rad/s; a foot in walking turns at 2-4 on average: deg/s were given
DISAGREE_MPS: Final = 2.5  # m/s left over at foot-flat, which no right mounting shows
DISAGREE_STRIDES: Final = 3

# --- events
PUSH_RATE: Final = 0.6  # rad/s (35 deg/s); the slowest push-off
PUSH_SHARE: Final = 0.25  # of the peak of recent push-offs
PUSH_MEMORY: Final = 0.2  # share of the last push-off in that peak
LAST_MINIMUM: Final = 0.75  # a later minimum of this share of the deepest is the toe off (T)
SWING_SPEED: Final = 0.25  # m/s; a foot that travels (gait.md: > 0.2 m/s)
LIFT_SPEED: Final = 0.5  # m/s; a foot lifted without push-off: steppage, turning on the spot
ARM_S: Final = 0.25  # s on the ground after which a push-off counts without a stillness before it
SWING_MIN_S: Final = 0.12  # s; shortest time from toe off to contact
SWING_MAX_S: Final = 3.0
LANDING_SHARE: Final = 0.5  # contact only under this share of the swing's top speed (T)
SLAP_RATE: Final = 2.0  # rad/s (115 deg/s), toes down, at the end of a swing: the foot slaps down
JERK_TAU_S: Final = 0.1  # s; the swing's own jerk
JERK_RATIO: Final = 4.0  # an impact stands out of it by this factor (T)
JERK_MIN: Final = 150.0  # m/s3
IMPACT_S: Final = 0.01  # s; rise of an impact; sampled more coarsely its jerk shrinks
PUSH_PERIOD_S: Final = 0.012  # s; sampled more coarsely, an impact's direction cannot be told
REVERSAL_S: Final = 0.045  # s; heel and sole give way up to so long before the shock (T)
LAG_S: Final = 0.01  # s, the same for a landing that reverses no rotation (T)

# --- a shock in mid-swing
SPIKE_DECEL: Final = 12.0  # m/s2 against the travel (proposal)
SPIKE_SHARE: Final = 0.85  # of the top speed: trips strike in mid-swing, not before landing
SPIKE_JERK_RATIO: Final = 6.0  # over the swing's own jerk (proposal)
SPIKE_RATE_BREAK: Final = 1.0  # rad/s of change in pitch rate since the sample before (proposal)

# --- trajectory
DRIFT: Final = 0.1  # m/s per sqrt(s): half a degree of tilt error (T)
QUADRATURE: Final = 1.0 / 12.0  # variance of quadrature over (change of acceleration x dt)^2
STAIR_M: Final = 0.08  # m net height (gait.md)
STAIR_SPREADS: Final = 2.0  # and over this many standard deviations of the height's own error
TURN_RAD: Final = 0.35  # rad (20 deg); toe-out varies by 5 deg in straight walking
FIRST_STANCE_S: Final = 1.5  # s before a first toe off in which its foot-flat is looked for
SHANK_ABOVE_ANKLE_M: Final = 0.10  # a strap above the ankle joint

# --- heel and toe point
HEEL_BEHIND: Final = 0.25  # IMU ahead of the heel's pivot over the foot's length, before data
HEEL_BELOW_M: Final = 0.05  # IMU above the ground, before data
PIVOT_PRIOR: Final = 0.5  # rad2/s, weight of both: half a landing's turning
PIVOT_MEMORY: Final = 0.95  # per stride
PIVOT_RATE: Final = 1.0  # rad/s; slower turning tells no lever
HEEL_PITCH: Final = 0.14  # rad (8 deg): a heel-first landing
HEEL_FROM: Final = 0.6  # of the pitch at contact: the heel has taken load
HEEL_TO: Final = 0.15  # then the forefoot lands
TOE_PITCH: Final = 0.26  # rad (15 deg): a push-off over the toes
TOE_FROM: Final = 0.5  # of the pitch at toe off: the ball has rolled off
TOE_TO: Final = 0.9
CLEARANCE_PEAK: Final = 0.45  # the first peak of toe height lies in this first part of the swing
PHASE_MEMORY: Final = 20  # swings that the mean time of the minimum remembers

# --- what is wrong with the input (bits)
FAULT_TURNED_OVER: Final = 1
FAULT_HEADING: Final = 2
FAULT_UNIT_G: Final = 4
FAULT_NO_GRAVITY: Final = 8
FAULT_UNIT_DEG: Final = 16
FAULT_DISAGREE: Final = 32
FAULT_BACKWARDS: Final = 64
